// The program's own code runs while sonde converts values, and does there what it should not: each
// case in a process of its own.
import { bytes, int32, json, operation, provider, stack, status, string } from 'sonde';
import { record } from 'sonde/testing';
import { answerCalls } from '../support/called-program.js';

const own = provider('interferes', {
  value: [json('value'), string('text')],
  before: [json('value'), bytes('memory')],
  after: [bytes('memory'), json('value')],
  where: [stack('where'), int32('number')],
  job: operation({ start: [json('what')], done: [json('result')] }),
});

/** A value that does something when it is made JSON. */
const doing = (action: () => unknown) => ({
  toJSON() {
    action();
    return 'converted';
  },
});

const transferred = (memory: Uint8Array<ArrayBuffer>) => () => structuredClone(memory, { transfer: [memory.buffer] });

function shrinking(): { memory: Uint8Array; shrink(): void } {
  // Not in the types of ES2023 yet.
  const Resizable = ArrayBuffer as unknown as new (
    length: number,
    options: object,
  ) => ArrayBuffer & { resize(length: number): void };
  const buffer = new Resizable(2 ** 20, { maxByteLength: 2 ** 20 });
  return { memory: new Uint8Array(buffer, 2 ** 19, 2 ** 18), shrink: () => buffer.resize(8) };
}

interface Memory {
  buffer: ArrayBuffer;
  grow(pages: number): void;
}

function growing(): { memory: Uint8Array; grow(): void } {
  // Its types are those of browsers.
  const { WebAssembly } = globalThis as unknown as { WebAssembly: { Memory: new (options: object) => Memory } };
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 8 });
  return { memory: new Uint8Array(memory.buffer), grow: () => memory.grow(1) };
}

const fireStack = () => own.where.fire(1);

const cases: Record<string, () => unknown> = {
  'unloads the provider': () => own.value.fire(doing(own.unload), 'text'),
  'unloads the provider, and collects garbage': () =>
    own.value.fire(
      doing(() => {
        own.unload();
        gc!();
      }),
      'text',
    ),
  'unloads the provider in the list of fireWith': () =>
    own.value.fireWith(() => {
      own.unload();
      return [1, 'text'];
    }),
  'unloads the provider in the work of run': () =>
    own.job.run(
      [1],
      () => own.unload(),
      () => [1],
    ),
  'unloads the provider in the list of done': () =>
    own.job.run(
      [1],
      () => 1,
      () => {
        own.unload();
        return [1];
      },
    ),
  'fires the same probe': () =>
    own.value.fire(
      doing(() => own.value.fire({ inner: 1 }, 'inner')),
      'outer',
    ),
  'fires the same probe without an end': () => {
    const value = doing(() => own.value.fire(value, 'inner'));
    own.value.fire(value, 'outer');
  },
  'runs the same operation': () =>
    own.job.run(
      [
        doing(() =>
          own.job.run(
            [1],
            () => 1,
            () => [1],
          ),
        ),
      ],
      () => 1,
      () => [1],
    ),
  'defines and unloads providers': () =>
    own.value.fire(
      doing(() => {
        for (let i = 0; i < 10; i++) provider('interferes', { other: [int32('v')] }).unload();
      }),
      'text',
    ),
  'starts and stops a recorder': () =>
    own.value.fire(
      doing(() => record().stop()),
      'text',
    ),
  'starts a recorder': () => own.value.fire(doing(record), 'text'),
  'hands on the memory of the next value': () => {
    const memory = new Uint8Array(2 ** 20);
    own.before.fire(doing(transferred(memory)), memory);
  },
  'hands on the memory of the value before': () => {
    const memory = new Uint8Array(2 ** 20);
    own.after.fire(memory, doing(transferred(memory)));
  },
  'shrinks the memory of the value before': () => {
    const { memory, shrink } = shrinking();
    own.after.fire(memory, doing(shrink));
  },
  'grows the memory of the value before, which is WebAssembly’s': () => {
    const { memory, grow } = growing();
    own.after.fire(memory, doing(grow));
  },
  'freezes Error': () => {
    Object.freeze(Error);
    fireStack();
  },
  'has a stackTraceLimit that throws': () => {
    const fail = () => {
      throw new Error('no limit');
    };
    Object.defineProperty(Error, 'stackTraceLimit', { get: fail, set: fail });
    fireStack();
  },
  'has a prepareStackTrace that throws': () => {
    Error.prepareStackTrace = () => {
      throw new Error('no stack');
    };
    fireStack();
  },
  'has a prepareStackTrace that fires': () => {
    Error.prepareStackTrace = () => {
      own.where.fire(2);
      return 'own';
    };
    fireStack();
    if (new Error().stack !== 'own') throw new Error('prepareStackTrace is not the program’s any more');
  },
  'has no Error.captureStackTrace': () => {
    Reflect.deleteProperty(Error, 'captureStackTrace');
    fireStack();
  },
  'has other built-in methods': () => {
    const fail = () => {
      throw new Error('replaced');
    };
    const replaced = [
      [Array, 'isArray'],
      [Number, 'isSafeInteger'],
      [Math, 'trunc'],
      [JSON, 'stringify'],
      [String.prototype, 'split'],
      [Array.prototype, 'map'],
      [Object, 'getOwnPropertyDescriptor'],
    ] as const;
    const before = replaced.map(([object, key]) => Object.getOwnPropertyDescriptor(object, key)!);
    for (const [object, key] of replaced) Object.assign(object, { [key]: fail });
    let thrown: unknown;
    try {
      own.value.fire({}, 'text');
      own.value.fireWith(() => [1, 'text']);
      own.where.fire(1);
      own.job.run(
        [1],
        () => 1,
        () => [1],
      );
    } catch (error) {
      thrown = error;
    }
    for (let i = 0; i < replaced.length; i++) Object.defineProperty(replaced[i]![0], replaced[i]![1], before[i]!);
    if (thrown) throw thrown;
  },
};

const commands = {
  object: () => status().providers[0]!.location!,
  cases: () => Object.keys(cases),

  /** Undefined when it went well: nothing was thrown, and the program can fire and be ended. */
  run(name: string): string | undefined {
    try {
      cases[name]!();
      own.value.fire({ after: 1 }, 'after');
      own.job.run(
        [1],
        () => 1,
        () => [1],
      );
      gc!();
    } catch (error) {
      return String((error as Error).message);
    }
    return undefined;
  },
};

export type Commands = typeof commands;

answerCalls(commands);
