/** The middle of many values, and how far they lie apart. */
export interface Summary {
  median: number;
  /** The quartiles: half of the values lie between them. */
  low: number;
  high: number;
  /** What disturbs a machine only ever adds, so this changes least from run to run. */
  least: number;
  count: number;
}

export function summary(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    low: quantile(sorted, 0.25),
    high: quantile(sorted, 0.75),
    least: sorted[0] ?? Number.NaN,
    count: sorted.length,
  };
}

export const median = (values: readonly number[]) => summary(values).median;
export const least = (values: readonly number[]) => summary(values).least;

/**
 * Of values that were measured in pairs: machines change their speed, so the pairs are compared and
 * not the medians.
 */
export function pairs(one: readonly number[], other: readonly number[], compare: (a: number, b: number) => number) {
  return one.map((value, index) => compare(value, other[index]!));
}

/**
 * Student's t for 95 %, two-sided, by degrees of freedom from 1; beyond, that of a normal
 * distribution is near enough.
 */
const T = [
  12.7, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.1, 2.09,
];

/** The mean of ratios, as they multiply, and between what it lies with 95 % confidence. */
export function meanRatio(ratios: readonly number[]): { mean: number; low: number; high: number } {
  const logs = ratios.map(Math.log);
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / Math.max(1, logs.length - 1);
  const error = (T[logs.length - 2] ?? 2) * Math.sqrt(variance / logs.length);
  return { mean: Math.exp(mean), low: Math.exp(mean - error), high: Math.exp(mean + error) };
}

export interface Interval {
  middle: number;
  /** Between what it lies with 95 % confidence. */
  low: number;
  high: number;
}

/**
 * Of ratios, a list for each process: a process may be lucky with how its code was compiled and
 * where it lies, so processes count, and not only what was measured in them. The interval is found
 * by resampling the processes, and the ratios in each.
 */
export function intervalOf(processes: readonly (readonly number[])[]): Interval {
  const middle = (all: readonly (readonly number[])[]) => mean(all.map(median));
  const middles = Array.from({ length: 2000 }, () => middle(resampled(processes).map(resampled))).sort((a, b) => a - b);
  return { middle: middle(processes), low: quantile(middles, 0.025), high: quantile(middles, 0.975) };
}

function resampled<Value>(list: readonly Value[]): Value[] {
  return Array.from(list, () => list[Math.floor(Math.random() * list.length)]!);
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function quantile(sorted: readonly number[], part: number): number {
  const at = (sorted.length - 1) * part;
  const [below, above] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN];
  return below + (above - below) * (at - Math.floor(at));
}
