// Fires one probe again and again, in one of the ways there are, and measures what the process
// holds meanwhile.
import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import {
  boolean,
  bytes,
  int8,
  int16,
  int32,
  int64,
  json,
  operation,
  provider,
  stack,
  status,
  string,
  uint8,
  uint16,
  uint32,
  uint64,
} from 'sonde';
import { type Recorder, record } from 'sonde/testing';
import { answerCalls } from '../support/called-program.js';

const flat = provider('flat', {
  int8: [int8('v')],
  int16: [int16('v')],
  int32: [int32('v')],
  int64: [int64('v')],
  uint8: [uint8('v')],
  uint16: [uint16('v')],
  uint32: [uint32('v')],
  uint64: [uint64('v')],
  boolean: [boolean('v')],
  string: [string('v')],
  json: [json('v')],
  bytes: [bytes('v')],
  stack: [stack('v')],
  twelve: [...'abcdefghijkl'].map((name) => (name < 'g' ? string(name) : int32(name))),
  job: operation({ start: [string('what')], done: [json('result')] }),
});

const memory = Buffer.from('some bytes of a message');
const text = (index: number) => `text ${index}`;
const failure = new Error('it went wrong');
const misfit = flat as unknown as Record<string, { fire(...values: unknown[]): void }>;
const nested = {
  toJSON() {
    flat.json.fire('inside');
    return 'outside';
  },
};

/** Each fires the probes that are named with it, as often as told. */
const ways = {
  int8: [{ int8: 1 }, (i) => flat.int8.fire(i & 127)],
  int16: [{ int16: 1 }, (i) => flat.int16.fire(i & 32767)],
  int32: [{ int32: 1 }, (i) => flat.int32.fire(i)],
  int64: [{ int64: 1 }, (i) => flat.int64.fire(BigInt(-i) << 32n)],
  uint8: [{ uint8: 1 }, (i) => flat.uint8.fire(i & 255)],
  uint16: [{ uint16: 1 }, (i) => flat.uint16.fire(i & 65535)],
  uint32: [{ uint32: 1 }, (i) => flat.uint32.fire(i)],
  uint64: [{ uint64: 1 }, (i) => flat.uint64.fire(BigInt(i) << 32n)],
  boolean: [{ boolean: 1 }, (i) => flat.boolean.fire(i % 2 === 0)],
  string: [{ string: 1 }, (i) => flat.string.fire(text(i))],
  json: [{ json: 1 }, (i) => flat.json.fire({ from: text(i), size: i })],
  bytes: [{ bytes: 1 }, (i) => flat.bytes.fire(memory.subarray(i & 15))],
  stack: [{ stack: 1 }, () => flat.stack.fire()],
  'twelve values': [
    { twelve: 1 },
    (i) => misfit.twelve!.fire(text(i), 'b', text(i), 'd', text(i), 'f', i, i, i, i, i, i),
  ],
  fireWith: [{ string: 1 }, (i) => flat.string.fireWith(() => [text(i)])],
  'values that do not fit': [
    { int32: 1, string: 1, bytes: 1 },
    (i) => {
      misfit.int32!.fire(text(i));
      misfit.string!.fire(i);
      misfit.bytes!.fire({ i });
    },
  ],
  'json that fires json': [{ json: 2 }, () => flat.json.fire(nested)],
  'operation.run': [
    { job__start: 1, job__done: 1 },
    (i) =>
      flat.job.run(
        [text(i)],
        () => i,
        (result) => [{ result }],
      ),
  ],
  'operation.run that throws': [
    { job__start: 1, job__error: 1 },
    (i) => {
      try {
        flat.job.run([text(i)], () => {
          throw failure;
        });
      } catch {}
    },
  ],
  'operation.runCallback': [
    { job__start: 1, job__done: 1 },
    (i) =>
      flat.job.runCallback(
        [text(i)],
        (done: (error: null, result: number) => void) => done(null, i),
        () => {},
        (result) => [{ result }],
      ),
  ],
} satisfies Record<string, Way>;

/** Those that end only when the event loop turns. */
const asynchronous = {
  'operation.run of a promise': [
    { job__start: 1, job__done: 1 },
    (i) =>
      flat.job.run(
        [text(i)],
        async () => i,
        (result) => [{ result }],
      ),
  ],
  'operation.run of a promise that is rejected': [
    { job__start: 1, job__error: 1 },
    (i) =>
      flat.job
        .run([text(i)], async () => {
          throw failure;
        })
        .catch(() => {}),
  ],
} satisfies Record<string, Way>;

type Way = [fires: Record<string, number>, fire: (index: number) => unknown];
const all: Record<string, Way> = { ...ways, ...asynchronous };

/** What the process holds, after a collection. The first three are bytes. */
export interface Held {
  heap: number;
  outside: number;
  resident: number;
  mappings: number;
  descriptors: number;
  threads: number;
}

export interface Run {
  /**
   * What it held more at the end than in the middle: the first fires compile code and make V8's
   * heap what it then stays.
   */
  grown: Held;
  /** How many times it fired in between. */
  times: number;
  /** How often it fired each probe, from the start on. */
  fired: Record<string, number>;
}

/**
 * Of a hundred parts of a run, after which it is measured. Each half is measured three times, as
 * V8's heap breathes.
 */
const MEASURED = { middle: [50, 55, 60], end: [90, 95, 100] };
/**
 * Fires between two turns of the event loop, in a loop that yields; the recorder is cleared as
 * often.
 */
const TURN = 1000;

let recorder: Recorder | undefined;

const commands = {
  object: () => status().providers[0]!.location!,

  ways: (yields: boolean) => Object.keys(yields ? all : ways),

  record(): void {
    recorder = record();
  },

  /** Fires in this way so many times. */
  async run(name: string, times: number, yields: boolean): Promise<Run> {
    const [fires, fire] = all[name]!;
    const part = Math.ceil(times / 100);
    const held = yields ? await yielding(fire, part) : never(fire, part);
    const of = (percents: number[]) => median(percents.map((percent) => held.get(percent)!));
    const [middle, end] = [of(MEASURED.middle), of(MEASURED.end)];
    return {
      grown: combined([end, middle], ([late, early]) => late! - early!),
      times: part * (MEASURED.end[1]! - MEASURED.middle[1]!),
      fired: Object.fromEntries(Object.entries(fires).map(([probe, each]) => [probe, each * 100 * part])),
    };
  },
};

export type Commands = typeof commands;

function never(fire: Way[1], part: number): Map<number, Held> {
  const held = new Map<number, Held>();
  for (let percent = 1; percent <= 100; percent++) {
    for (let i = 0; i < part; i++) {
      fire(i);
      if (recorder && i % TURN === 0) recorder.clear();
    }
    if (isMeasured(percent)) held.set(percent, measure());
  }
  return held;
}

async function yielding(fire: Way[1], part: number): Promise<Map<number, Held>> {
  const held = new Map<number, Held>();
  for (let percent = 1; percent <= 100; percent++) {
    for (let i = 0; i < part; i++) {
      fire(i);
      if (i % TURN > 0) continue;
      await setImmediate();
      recorder?.clear();
    }
    await setImmediate();
    if (isMeasured(percent)) held.set(percent, measure());
  }
  return held;
}

const isMeasured = (percent: number) => [...MEASURED.middle, ...MEASURED.end].includes(percent);

function measure(): Held {
  recorder?.clear();
  gc!();
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    heap: heapUsed,
    outside: external,
    resident: rss,
    mappings: readFileSync('/proc/self/maps', 'utf8').split('\n').length,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
  };
}

const median = (all: Held[]) =>
  combined(all, (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!);

function combined(all: Held[], combine: (values: number[]) => number): Held {
  const of = (key: keyof Held) => combine(all.map((held) => held[key]));
  return {
    heap: of('heap'),
    outside: of('outside'),
    resident: of('resident'),
    mappings: of('mappings'),
    descriptors: of('descriptors'),
    threads: of('threads'),
  };
}

answerCalls(commands);
