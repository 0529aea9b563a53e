// What `sonde top` shows, of which probes of @sonde/node.
import { endOf, type Group, percentile } from '../engines/aggregation.js';

/** A line: values by the names of columns, and more for JSON. Numbers have their unit in their name. */
export type Row = { weight: number } & Record<string, string | number | undefined>;

export interface Topic {
  /** Of which probes of the provider `node`. */
  questions: { probes: string[]; by: string[]; value: string }[];
  columns: string[];
  /** @param groups of each question, in so many seconds */
  rows(groups: readonly Group[][], seconds: number): Row[];
}

/** `v8::GCType` of v8-callbacks.h. */
const GC_KINDS: Record<number, string> = {
  1: 'scavenge',
  2: 'minor mark-sweep',
  4: 'mark-sweep-compact',
  8: 'incremental marking',
  16: 'weak callbacks',
};

const http: Topic = {
  questions: [
    {
      probes: ['http__server__response', 'http2__server__response'],
      by: ['pid', 'method', 'url', 'status'],
      value: 'ns',
    },
  ],
  columns: ['pid', 'method', 'route', 'perSecond', 'p50Ns', 'p99Ns', 'errors'],
  rows([groups], seconds) {
    const routes = merged(groups!, ([pid, method, url]) => [Number(pid), String(method), routeOf(String(url))]);
    return routes.map(({ key: [pid, method, route], count, buckets, parts }) => ({
      weight: count,
      pid,
      method,
      route,
      count,
      perSecond: count / seconds,
      ...percentiles(buckets),
      errors: parts.filter((part) => Number(part.key[3]) >= 500).reduce((sum, part) => sum + part.count, 0),
    }));
  },
};

const functions: Topic = {
  questions: [{ probes: ['function__return'], by: ['pid', 'file', 'function', 'line'], value: 'ns' }],
  columns: ['pid', 'function', 'file', 'line', 'perSecond', 'totalNs', 'p50Ns', 'p99Ns'],
  rows: ([groups], seconds) =>
    groups!.map(({ key: [pid, file, name, line], count, sum, buckets }) => ({
      weight: sum,
      pid: Number(pid),
      function: String(name) || '<anonymous>',
      file: String(file),
      line: Number(line),
      count,
      perSecond: count / seconds,
      totalNs: sum,
      ...percentiles(buckets),
    })),
};

const gc: Topic = {
  questions: [{ probes: ['gc__done'], by: ['pid', 'kind'], value: 'ns' }],
  columns: ['pid', 'kind', 'perSecond', 'totalNs', 'p50Ns', 'p99Ns'],
  rows: ([groups], seconds) =>
    groups!.map(({ key: [pid, kind], count, sum, buckets }) => ({
      weight: sum,
      pid: Number(pid),
      kind: GC_KINDS[Number(kind)] ?? String(kind),
      count,
      perSecond: count / seconds,
      totalNs: sum,
      ...percentiles(buckets),
    })),
};

const loop: Topic = {
  questions: [
    { probes: ['loop__iteration'], by: ['pid', 'tid'], value: 'busy' },
    { probes: ['loop__delay'], by: ['pid', 'tid'], value: 'ns' },
  ],
  columns: ['pid', 'thread', 'turns', 'busyShare', 'late', 'p99Ns'],
  rows: ([busy, delay], seconds) =>
    busy!.map((group) => {
      // It fires where a turn comes 10 ms late or more.
      const late = delay!.find(({ key }) => key[0] === group.key[0] && key[1] === group.key[1]);
      return {
        weight: group.sum,
        pid: Number(group.key[0]),
        thread: String(group.key[1]),
        turns: group.count,
        // A turn counts where it ends, and may have begun before.
        busyShare: Math.min(1, group.sum / (1e9 * seconds)),
        late: late?.count ?? 0,
        ...percentiles(late?.buckets ?? new Map()),
      };
    }),
};

export const TOPICS = { http, functions, gc, loop };

/** A path without its query, and with `:id` for what is another one in each request. */
export function routeOf(url: string): string {
  const path = url.replace(/[?#].*$/s, '');
  return path
    .split('/')
    .map((part) => (/^(?:\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,})$/i.test(part) ? ':id' : part))
    .join('/');
}

function percentiles(buckets: ReadonlyMap<number, number>): { p50Ns?: number; p99Ns?: number } {
  const [half, most] = [percentile(buckets, 0.5), percentile(buckets, 0.99)];
  return half === undefined ? {} : { p50Ns: Number(endOf(half)), p99Ns: Number(endOf(most!)) };
}

interface Merged<Key> {
  key: Key;
  count: number;
  buckets: Map<number, number>;
  parts: Group[];
}

/** Groups whose keys are the same to `keyOf`, as one. */
function merged<Key extends (string | number)[]>(
  groups: readonly Group[],
  keyOf: (key: Group['key']) => Key,
): Merged<Key>[] {
  const found = new Map<string, Merged<Key>>();
  for (const group of groups) {
    const key = keyOf(group.key);
    const id = JSON.stringify(key);
    const one: Merged<Key> = found.get(id) ?? { key, count: 0, buckets: new Map(), parts: [] };
    found.set(id, one);
    one.count += group.count;
    one.parts.push(group);
    for (const [bucket, times] of group.buckets) one.buckets.set(bucket, (one.buckets.get(bucket) ?? 0) + times);
  }
  return [...found.values()];
}
