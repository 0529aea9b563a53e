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

/** Of values that were measured in pairs: machines change their speed, so the pairs are compared and not the medians. */
export function pairs(one: readonly number[], other: readonly number[], compare: (a: number, b: number) => number) {
  return one.map((value, index) => compare(value, other[index]!));
}

function quantile(sorted: readonly number[], part: number): number {
  const at = (sorted.length - 1) * part;
  const [below, above] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN];
  return below + (above - below) * (at - Math.floor(at));
}
