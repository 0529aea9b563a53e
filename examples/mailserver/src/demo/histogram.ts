// What bpftrace does with `@delivery_ns[domain] = hist(ns)`, for tracers that only print values.

/** For each key the counts of values, by the power of two that they reach. */
export type Histograms = Map<string, Map<number, number>>;

export function addTo(histograms: Histograms, key: string, value: number): void {
  const power = value < 1 ? 0 : Math.floor(Math.log2(value));
  const counts = histograms.get(key) ?? new Map<number, number>();
  counts.set(power, (counts.get(power) ?? 0) + 1);
  histograms.set(key, counts);
}

const WIDTH = 52;

/** As bpftrace prints them. */
export function lines(histograms: Histograms): string[] {
  return [...histograms].sort().flatMap(([key, counts]) => {
    const least = Math.min(...counts.keys());
    const powers = Array.from({ length: Math.max(...counts.keys()) - least + 1 }, (_, index) => least + index);
    const most = Math.max(...counts.values());
    return [
      `@delivery_ns[${key}]:`,
      ...powers.map((power) => {
        const count = counts.get(power) ?? 0;
        const bar = '@'.repeat(Math.floor((count * WIDTH) / most)).padEnd(WIDTH);
        return `${`[${label(power)}, ${label(power + 1)})`.padEnd(16)}${String(count).padStart(8)} |${bar}|`;
      }),
      '',
    ];
  });
}

/** 2^power with K for 2^10, M for 2^20 and so on. */
function label(power: number): string {
  return `${2 ** (power % 10)}${['', 'K', 'M', 'G', 'T'][Math.floor(power / 10)]}`;
}
