// Fires near the end of the stack: a probe that is traced, and at the same depth one like it that
// is not.
import { int32, json, operation, provider, stack, status, string } from 'sonde';
import { answerCalls } from '../support/called-program.js';

const define = (name: string) =>
  provider(name, {
    text: [string('v')],
    value: [json('v')],
    where: [stack('v')],
    many: [...'abcdefghijkl'].map((name) => int32(name)),
    job: operation({ start: [string('what')], done: [int32('size')] }),
  });

const PROMISE = Promise.resolve();
const work = () => 1;

function waysOf({ text, value, where, many, job }: ReturnType<typeof define>): Record<string, () => unknown> {
  const fireMany = (many as unknown as { fire(...values: unknown[]): void }).fire.bind(many);
  return {
    'fire of a text': () => text.fire('x'),
    'fire of json': () => value.fire({ a: [1] }),
    'fire of a stack': () => where.fire(),
    'fire of twelve values': () => fireMany(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
    fireWith: () => text.fireWith(() => ['x']),
    'operation.run': () => job.run(['x'], work, (size) => [size]),
    'operation.run of a promise': () => job.run(['x'], () => PROMISE),
    'operation.runCallback': () =>
      job.runCallback(
        ['x'],
        (done: (error: null, size: number) => void) => done(null, 1),
        work,
        (size: number) => [size],
      ),
  };
}

const [ways, twins] = [waysOf(define('deep')), waysOf(define('calm'))];

const commands = {
  object: () => status().providers.find(({ name }) => name === 'deep')!.location!,
  ways: () => Object.keys(ways),

  /**
   * At how many depths only the traced one throws, and at how many both work, of those near the
   * end.
   */
  compare(name: string): { onlyTraced: number; both: number } {
    const [way, twin] = [ways[name]!, twins[name]!];
    // As hot as it gets, with this recursion too: optimised code has other frames.
    for (let i = 0; i < 20_000; i++) at(3, twin, way);
    for (let i = 0; i < 20; i++) search(twin, way);
    const deepest = search(twin, way);
    const found = { onlyTraced: 0, both: 0 };
    for (let depth = deepest - NEAR; depth <= deepest + NEAR; depth++) {
      const [works, worksTraced] = attempt(depth, twin, way);
      if (works && worksTraced) found.both++;
      else if (works) found.onlyTraced++;
    }
    return found;
  },
};

/** Frames of the recursion below. */
const NEAR = 400;

export type Commands = typeof commands;

/** The greatest depth at which the untraced one works. */
function search(twin: () => unknown, way: () => unknown): number {
  let [works, fails] = [0, 60_000];
  while (fails - works > 1) {
    const middle = (works + fails) >> 1;
    if (attempt(middle, twin, way)[0]) works = middle;
    else fails = middle;
  }
  return works;
}

function attempt(depth: number, twin: () => unknown, way: () => unknown): [boolean, boolean] {
  try {
    return at(depth, twin, way);
  } catch {
    return [false, false];
  }
}

/** Whether each works at this depth. */
function at(depth: number, twin: () => unknown, way: () => unknown): [boolean, boolean] {
  if (depth > 0) return at(depth - 1, twin, way);
  const works: [boolean, boolean] = [false, false];
  try {
    twin();
    works[0] = true;
    way();
    works[1] = true;
  } catch {}
  return works;
}

answerCalls(commands);
