// A million files that are broken at random: each is read, or refused, in little time and little
// memory.
import { fileURLToPath } from 'node:url';
import { told } from '../support/run-node.js';
import { useScene } from '../support/scene.js';
import { Goals } from './goals.js';
import type { Told } from './mutations-program.js';
import { scaled } from './scale.js';

const PROGRAM = fileURLToPath(new URL('mutations-program.js', import.meta.url));
/** Of each format, in each of these rounds: a million in an hour. */
const FILES = 45_000;
const ROUNDS = scaled(1);
/** Megabytes of V8's heap: what it takes to run at all, and some more. */
const HEAP = 32;
const MOST_GROWN_MIB = 64;
/**
 * A file has some kilobytes, which take a tenth of a millisecond. The rest is for who else works on
 * the machine.
 */
const SLOWEST_MS = 250;

describe('Files that are broken at random are read or refused', () => {
  const scene = useScene();

  for (const format of ['elf', 'dof']) {
    it(`${format}, in little time and memory`, () => {
      const goals = new Goals();
      for (let round = 0; round < ROUNDS; round++) {
        const seed = Math.floor(Math.random() * 2 ** 31);
        const options = [`--max-old-space-size=${HEAP}`, '--max-semi-space-size=2'];
        const { slowest, grown } = told<Told>(scene.current, [
          ...options,
          PROGRAM,
          format,
          String(FILES),
          String(seed),
        ]);
        goals.add(
          `${FILES.toLocaleString('en')} files, seed ${seed}, with a heap of ${HEAP} MB`,
          { name: 'the slowest took', measured: slowest, most: SLOWEST_MS, unit: ' ms', digits: 1 },
          { name: 'resident more', measured: grown / 2 ** 20, most: MOST_GROWN_MIB, unit: ' MiB', digits: 1 },
        );
      }
      goals.check();
    });
  }
});
