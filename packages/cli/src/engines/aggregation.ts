import type { Probe } from '../model.js';
import type { Question } from '../question/question.js';
import type { Value } from './event.js';

/** What is to be counted: fires, or how often which values came. */
export interface AggregateQuestion extends Question {
  /** Arguments by whose values it is told apart, beside the probe. */
  by: string[];
  /** The argument whose values go into a histogram; without it, fires are counted. */
  value: string | undefined;
}

export interface AggregateOptions {
  /** How often what came meanwhile is given, in milliseconds; without it, only the end gives. */
  every: number | undefined;
  onInterval(aggregation: Aggregation): void;
}

/** An engine at work. */
export interface Aggregating {
  /** For a message, if not everything is as it would be otherwise: "texts are cut to 64 bytes". */
  readonly remark?: string | undefined;
  /** Resolves if it ends by itself, with the reason. */
  readonly failed: Promise<Error>;
  /** Ends it. */
  stop(): Promise<{
    /** What came since the last interval. */
    rest: Aggregation;
    /** What could not be counted, for people: "3 events were lost: …". None if nothing was. */
    losses: string[];
  }>;
}

/** Starts one. */
export type StartAggregating = (question: AggregateQuestion, options: AggregateOptions) => Promise<Aggregating>;

export interface AggregatingEngine {
  start: StartAggregating;
  /** @throws {CommandError} if it is not there, or may not be used */
  check(): void;
  /** What it runs, as commands for a shell. @throws {CommandError} if it cannot answer the question */
  commands(question: AggregateQuestion, every: number | undefined): string;
}

/** Fires with the same values of the arguments that tell them apart. */
export interface Group {
  probe: Probe;
  key: Value[];
  count: number;
  /** Of the values, if it was asked for. */
  sum: number;
  /** How many values were in each power-of-two bucket, by {@link bucketOf}. */
  buckets: Map<number, number>;
}

/** Groups, and what they have. */
export class Aggregation {
  private readonly groups = new Map<string, Group>();

  /** Counts one fire. @param value of the argument whose values are asked for */
  add(probe: Probe, key: Value[], value?: bigint | number): void {
    const group = this.groupOf(probe, key);
    group.count++;
    if (value === undefined) return;
    group.sum += Number(value);
    const bucket = bucketOf(value);
    group.buckets.set(bucket, (group.buckets.get(bucket) ?? 0) + 1);
  }

  /** Adds what was counted elsewhere. */
  addGroup({ probe, key, count, sum, buckets }: Group): void {
    const group = this.groupOf(probe, key);
    group.count += count;
    group.sum += sum;
    for (const [bucket, times] of buckets) group.buckets.set(bucket, (group.buckets.get(bucket) ?? 0) + times);
  }

  addAll(other: Aggregation): void {
    for (const group of other.groups.values()) this.addGroup(group);
  }

  /** What is in this one and not yet in an earlier one. */
  without(earlier: Aggregation): Aggregation {
    const rest = new Aggregation();
    for (const [id, group] of this.groups) {
      const before = earlier.groups.get(id);
      const count = group.count - (before?.count ?? 0);
      if (count <= 0) continue;
      const buckets = [...group.buckets].map(
        ([bucket, times]) => [bucket, times - (before?.buckets.get(bucket) ?? 0)] as const,
      );
      rest.addGroup({
        ...group,
        count,
        sum: group.sum - (before?.sum ?? 0),
        buckets: new Map(buckets.filter(([, times]) => times > 0)),
      });
    }
    return rest;
  }

  /** The most frequent first, and by their keys where these are as frequent. */
  sorted(): Group[] {
    return [...this.groups]
      .sort(([a, { count }], [b, { count: other }]) => other - count || (a < b ? -1 : 1))
      .map(([, group]) => group);
  }

  private groupOf(probe: Probe, key: Value[]): Group {
    // The same probe may be in the objects of several definitions.
    const id = JSON.stringify([probe.provider, probe.name, ...key.map((value) => [typeof value, String(value)])]);
    let group = this.groups.get(id);
    if (!group) {
      group = { probe, key, count: 0, sum: 0, buckets: new Map() };
      this.groups.set(id, group);
    }
    return group;
  }
}

/** The bucket of what is below 0; behind it are those of 0, of 1, of 2 and 3, of 4 to 7, and so on. */
export const NEGATIVE = -1;

export function bucketOf(value: bigint | number): number {
  if (value < 0) return NEGATIVE;
  if (value < 2 ** 31) return 32 - Math.clz32(Number(value));
  return BigInt(typeof value === 'number' ? Math.trunc(value) : value).toString(2).length;
}

/** The least value of a bucket. */
export function leastOf(bucket: number): bigint {
  return bucket <= 0 ? 0n : 1n << BigInt(bucket - 1);
}

/** The first value above a bucket. */
export function endOf(bucket: number): bigint {
  return bucket < 0 ? 0n : 1n << BigInt(bucket);
}

/** Buckets for JSON, in their order. */
export function bucketsJson(buckets: ReadonlyMap<number, number>): object[] {
  return [...buckets]
    .sort(([a], [b]) => a - b)
    .map(([bucket, count]) => ({
      ...(bucket !== NEGATIVE && { from: leastOf(bucket) }),
      below: endOf(bucket),
      count,
    }));
}

/** The bucket in which so large a share of the values ends; undefined if there are none. */
export function percentile(buckets: ReadonlyMap<number, number>, share: number): number | undefined {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const wanted = share * sorted.reduce((sum, [, count]) => sum + count, 0);
  let sum = 0;
  for (const [bucket, count] of sorted) {
    sum += count;
    if (sum >= wanted) return bucket;
  }
  return undefined;
}
