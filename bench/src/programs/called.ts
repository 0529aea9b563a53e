// What a call of a function takes before, while and after it is traced, in nanoseconds, by rounds:
// `called.js ROUNDS`. Its functions have probes in them or are watched by name, as the
// environment says.
import { setTimeout } from 'node:timers/promises';
import { status } from '@sonde/node';
import { startBpftrace } from '../bpftrace.js';

export interface CallTimes {
  before: number[];
  traced: number[];
  after: number[];
}

/** Few enough that a function which is watched is not let go of. */
const CALLS_TRACED = 50;
const CALLS = 2_000_000;

const rounds = Number(process.argv[2]);
const isByName = process.env.SONDE_LIVE !== undefined;

function called(value: number): number {
  return value + 1;
}

function time(calls: number): number {
  let value = 0;
  const began = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) value = called(value);
  return Number(process.hrtime.bigint() - began) / value;
}

async function measure(calls: number): Promise<number[]> {
  time(calls);
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    times.push(time(calls));
    await setTimeout(10);
  }
  return times;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setTimeout(20);
}

const probes = () => status().providers.find(({ name }) => name === 'node')!.probes;
const isTraced = () => probes().some(({ name, enabled }) => name === 'function__return' && enabled);
const isWatching = () => status().functions!.live.functions.length > 0;

const { location } = status().providers.find(({ name }) => name === 'node')!;
const before = await measure(CALLS);
const stop = startBpftrace(
  ['entry', 'return'].map((end) => `usdt:${location}:node:function__${end} { @${end} = count(); }`).join('\n'),
);
await until(() => (isByName ? isWatching() : isTraced()));
const traced = await measure(CALLS_TRACED);
await stop();
await until(() => !isTraced() && !isWatching());
await setTimeout(100);
const after = await measure(CALLS);
console.log(JSON.stringify({ before, traced, after } satisfies CallTimes));
