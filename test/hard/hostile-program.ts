// Fires hostile values as every type in every way, and does the same while nobody traces: the
// program must not see a difference.
import { setImmediate } from 'node:timers/promises';
import {
  type Argument,
  boolean,
  bytes,
  int8,
  int16,
  int32,
  int64,
  json,
  type Operation,
  operation,
  type Probe,
  provider,
  status,
  string,
  uint8,
  uint16,
  uint32,
  uint64,
} from 'sonde';
import { record } from 'sonde/testing';
import { answerCalls } from '../support/called-program.js';
import { hostileValues, ran } from './hostile-values.js';

type AnyProbe = Probe<unknown[]>;
type AnyOperation = Operation<unknown[], unknown[]>;

const makers = { int8, int16, int32, int64, uint8, uint16, uint32, uint64, boolean, string, json, bytes };
const types = Object.keys(makers) as (keyof typeof makers)[];
const definition = Object.fromEntries(
  types.flatMap((type) => {
    const argument: Argument = makers[type]('v');
    return [
      [type, [argument]],
      [`${type}Job`, operation({ start: [argument], done: [argument] })],
    ];
  }),
);
const hostile = provider('hostile', definition) as unknown as Record<string, AnyProbe & AnyOperation>;

/** What the program sees of what it did. */
interface Seen {
  /** Compared by identity. */
  values: unknown[];
}

interface Way {
  /** Does it with a value; what it returns or throws is seen, and so is what `see` is given. */
  do(value: unknown, see: (...values: unknown[]) => void, probe: AnyProbe, job: AnyOperation): unknown;
  /** How many probes are to be fired. */
  fires: number;
  /**
   * Whether it may run code of the value, whatever the type: it stands for a list of values, or is
   * an error with a message.
   */
  mayRun?: true;
}

const failing = (value: unknown) => () => {
  throw value;
};
const ways: Record<string, Way> = {
  fire: { fires: 1, do: (value, _, probe) => probe.fire(value) },
  'fire with too many values': { fires: 1, do: (value, _, probe) => probe.fire(...Array(40).fill(value)) },
  'fire with none': { fires: 1, do: (_, __, probe) => probe.fire() },
  fireWith: { fires: 1, do: (value, _, probe) => probe.fireWith(() => [value]) },
  'fireWith a value in place of the list': {
    // A list if it is one, whatever is in it.
    fires: Number.NaN,
    mayRun: true,
    do: (value, _, probe) => probe.fireWith(() => value as unknown[]),
  },
  'fireWith a function that throws': { fires: 0, do: (value, _, probe) => probe.fireWith(failing(value)) },
  'fireWith a value in place of the function': {
    fires: Number.NaN,
    mayRun: true,
    do: (value, _, probe) => probe.fireWith(value as () => unknown[]),
  },
  'run, started and done with it': {
    fires: 2,
    do: (value, see, _, job) => {
      const result = {};
      see(
        job.run(
          [value],
          () => result,
          () => [value],
        ) === result,
      );
    },
  },
  'run, with it in place of the lists': {
    fires: 2,
    mayRun: true,
    do: (value, _, __, job) =>
      job.run(
        value as unknown[],
        () => 1,
        () => value as unknown[],
      ),
  },
  'run, whose done throws it': { fires: 2, do: (value, _, __, job) => job.run([1], () => 1, failing(value)) },
  'run that returns it': {
    fires: Number.NaN,
    mayRun: true,
    do: (value, see, _, job) =>
      see(
        job.run(
          [1],
          () => value,
          () => [1],
        ),
      ),
  },
  'run that throws it': { fires: 2, mayRun: true, do: (value, _, __, job) => job.run([1], failing(value)) },
  'run of a promise that is rejected with it': {
    fires: 2,
    mayRun: true,
    do: async (value, see, _, job) => {
      await job.run([1], () => Promise.reject(value)).catch(see);
    },
  },
  'runCallback that is called with it': {
    fires: 2,
    do: (value, see, _, job) => {
      const work = (done: (error: unknown, ...results: unknown[]) => void) => done(null, value, value);
      job.runCallback([value], work, see, (result) => [result]);
    },
  },
  'runCallback that is called with it as an error': {
    fires: 2,
    mayRun: true,
    do: (value, see, _, job) => job.runCallback([1], (done) => done(value), see),
  },
  'runCallback that throws it': {
    fires: 2,
    mayRun: true,
    do: (value, see, _, job) => job.runCallback([1], failing(value) as () => void, see),
  },
  'runCallback with it in place of the callback': {
    // A function is replaced.
    fires: Number.NaN,
    mayRun: true,
    do: (value, see, _, job) => {
      const work = (callback: unknown) => see(typeof value === 'function' || callback === value);
      job.runCallback([1], work, value as () => void);
    },
  },
};

export interface Told {
  values: number;
  types: number;
  ways: number;
  /**
   * What the program saw that it does not see while nobody traces, and other things that are wrong.
   */
  wrong: string[];
  /** How often each probe is to have been hit, where that can be said. */
  fired: number;
}

const commands = {
  object: () => status().providers[0]!.location!,

  /** Everything, once; a tracer is attached, or a recorder on. */
  async fireAll(how: 'tracer' | 'recorder'): Promise<Told> {
    const wrong: string[] = [];
    process.on('unhandledRejection', () => wrong.push('a rejection that was handled is reported'));
    // What the program sees while nobody traces is what it sees with an unloaded provider.
    const plain = provider('plain', definition) as unknown as typeof hostile & { unload(): void };
    plain.unload();
    const before = surroundings();
    let fired = 0;
    for (const [name, make] of Object.entries(hostileValues)) {
      for (const type of types) {
        for (const [how, way] of Object.entries(ways)) {
          const [value, again] = [make(), make()];
          const untraced = await seenOf(way, again, plain, type);
          const hasRun = ran.count;
          const traced = await seenOf(way, value, hostile, type);
          const difference = differs(untraced, traced, again, value);
          if (difference) wrong.push(`${name} as ${type}, ${how}: ${difference}`);
          if (ran.count > hasRun && !way.mayRun && type !== 'json')
            wrong.push(`${name} as ${type}, ${how}: its code was run`);
          fired += way.fires || 0;
        }
      }
      await setImmediate();
    }
    await setImmediate();
    const after = surroundings();
    for (const [key, value] of Object.entries(before)) {
      if (after[key] !== value) wrong.push(`${key} was ${value} and is ${after[key]}, with a ${how}`);
    }
    return {
      values: Object.keys(hostileValues).length,
      types: types.length,
      ways: Object.keys(ways).length,
      wrong,
      fired,
    };
  },

  /** The same, into a recorder. */
  async recordAll(): Promise<Told> {
    const recorder = record();
    const told = await commands.fireAll('recorder');
    recorder.stop();
    return told;
  },
};

export type Commands = typeof commands;

async function seenOf(way: Way, value: unknown, probes: typeof hostile, type: string): Promise<Seen> {
  const values: unknown[] = [];
  const see = (...seen: unknown[]) => {
    values.push(...seen);
  };
  try {
    const returned = way.do(value, see, probes[type]!, probes[`${type}Job`]!);
    values.push('returned', returned instanceof Promise ? await returned : returned);
  } catch (error) {
    values.push('threw', error);
  }
  return { values };
}

/** Of values that were made for the one and for the other, as hostile ones are. */
function differs(untraced: Seen, traced: Seen, again: unknown, value: unknown): string | undefined {
  if (untraced.values.length !== traced.values.length) return 'it sees more, or less';
  for (const [index, expected] of untraced.values.entries()) {
    const seen = traced.values[index];
    if (Object.is(expected, again) ? Object.is(seen, value) : isAlike(expected, seen)) continue;
    return `it sees something else at ${index}`;
  }
  return undefined;
}

/** Errors of V8's own are made anew each time. */
function isAlike(expected: unknown, seen: unknown): boolean {
  if (expected instanceof Error && seen instanceof Error) return expected.message === seen.message;
  return Object.is(expected, seen);
}

/** What firing must leave as it is. */
function surroundings(): Record<string, unknown> {
  const errors = Object.getOwnPropertyDescriptors(Error);
  return {
    'Error.stackTraceLimit': errors.stackTraceLimit?.value,
    'Error.prepareStackTrace': (errors as Record<string, PropertyDescriptor>).prepareStackTrace?.value,
    'process.exitCode': process.exitCode,
    'listeners of process': process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    'properties of Object.prototype': Reflect.ownKeys(Object.prototype).length,
    'global properties': Reflect.ownKeys(globalThis).length,
  };
}

answerCalls(commands);
