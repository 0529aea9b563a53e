// What calls of a probe that nobody traces allocate, from how the heap grows.
//
//   node --expose-gc allocation-program.js SHAPE TIMES
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { int32, provider, string } from 'sonde';

export interface Allocation {
  shape: 'fire' | 'enabled';
  /** Bytes; only without a collection do they tell what was allocated. */
  grown: number;
  collections: number;
}

const PEER = '10.0.0.7';
const shape = process.argv[2] as Allocation['shape'];
const times = Number(process.argv[3]);
const probe = provider('smtp', { sessionStart: [string('peer'), int32('port')] }).sessionStart;

const loops: Record<Allocation['shape'], (times: number) => number> = {
  fire(times) {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      sum += i & 1;
      probe.fire(PEER, i);
    }
    return sum;
  },
  enabled(times) {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      sum += i & 1;
      if (probe.enabled) sum += 2;
    }
    return sum;
  },
};

let collections = 0;
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().filter(({ startTime }) => startTime >= started && startTime <= ended).length;
});
let started = Number.POSITIVE_INFINITY;
let ended = Number.POSITIVE_INFINITY;

const loop = loops[shape];
for (let i = 0; i < 10; i++) loop(1_000_000);
process.memoryUsage();
gc!();
await sleep(20);
observer.observe({ entryTypes: ['gc'] });
started = performance.now();
const before = process.memoryUsage().heapUsed;
loop(times);
const grown = process.memoryUsage().heapUsed - before;
ended = performance.now();
await sleep(20);
console.log(JSON.stringify({ shape, grown, collections } satisfies Allocation));
