// Reads files that were changed at random, and tells how long the slowest took. It runs with little
// memory.
//
//   mutations-program.js elf|dof COUNT SEED
import type * as Elf from '../../packages/elf/dist/test-mutations.js';

export interface Told {
  /** Milliseconds. */
  slowest: number;
  /** Bytes: the most that the process held, less what it held before. */
  grown: number;
}

const [format, count, seed] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
// No part of the package's interface: what its own tests read.
const module = new URL(`../../../packages/${format}/dist/test-mutations.js`, import.meta.url);
const { mutations, readEverything }: Pick<typeof Elf, 'mutations' | 'readEverything'> = await import(module.href);

const mutated = mutations(seed);
const told: Told = { slowest: 0, grown: 0 };
// V8 compiles.
for (let i = 0; i < 1000; i++) readEverything(mutated());
const before = process.memoryUsage.rss();
for (let i = 0; i < count; i++) {
  const bytes = mutated();
  const started = performance.now();
  readEverything(bytes);
  told.slowest = Math.max(told.slowest, performance.now() - started);
  if (i % 1000 === 0) told.grown = Math.max(told.grown, process.memoryUsage.rss() - before);
}
console.log(JSON.stringify(told));
