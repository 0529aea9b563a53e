// Fires near the end of the stack: how deep a recursion may be for it to work.
import { int32, json, operation, provider, stack, status, string } from 'sonde';
import { answerCalls } from '../support/called-program.js';

const deep = provider('deep', {
  text: [string('v')],
  value: [json('v')],
  where: [stack('v')],
  many: [...'abcdefghijkl'].map((name) => int32(name)),
  job: operation({ start: [string('what')], done: [int32('size')] }),
});
const many = deep.many as unknown as { fire(...values: unknown[]): void };

let ran = 0;
const work = () => ++ran;

const ways: Record<string, () => void> = {
  'fire of a text': () => deep.text.fire('x'),
  'fire of json': () => deep.value.fire({ a: [1] }),
  'fire of a stack': () => deep.where.fire(),
  'fire of twelve values': () => many.fire(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
  fireWith: () => deep.text.fireWith(() => ['x']),
  'operation.run': () => deep.job.run(['x'], work, (size) => [size]),
  'operation.run of a promise': () => deep.job.run(['x'], () => PROMISE.then(work)),
  'operation.runCallback': () => {
    const call = (done: (error: null, size: number) => void) => done(null, work());
    deep.job.runCallback(['x'], call, work, (size: number) => [size]);
  },
};
const PROMISE = Promise.resolve();

const commands = {
  object: () => status().providers[0]!.location!,
  ways: () => Object.keys(ways),

  /** The greatest depth at which it works, and how often it threw after the program's own work had been done. */
  deepest(name: string): { depth: number; half: number } {
    const way = ways[name]!;
    // As hot as it gets: optimised code has other frames.
    for (let i = 0; i < 20_000; i++) at(3, way);
    const depth = search(way);
    let half = 0;
    for (let near = depth - 50; near < depth + 200; near++) {
      const before = ran;
      if (!attempt(near, way) && ran > before) half++;
    }
    return { depth, half };
  },
};

export type Commands = typeof commands;

function search(way: () => void): number {
  let [works, fails] = [0, 60_000];
  while (fails - works > 1) {
    const middle = (works + fails) >> 1;
    if (attempt(middle, way)) works = middle;
    else fails = middle;
  }
  return works;
}

function attempt(depth: number, way: () => void): boolean {
  try {
    return at(depth, way);
  } catch {
    return false;
  }
}

function at(depth: number, way: () => void): boolean {
  if (depth > 0) return at(depth - 1, way);
  way();
  return true;
}

answerCalls(commands);
