// What a probe keeps that never fires.
import { fileURLToPath } from 'node:url';
import { told } from '../support/run-node.js';
import { useScene } from '../support/scene.js';
import type { Kept } from './definitions-program.js';
import { meet } from './goals.js';

const PROGRAM = fileURLToPath(new URL('definitions-program.js', import.meta.url));

/** Of the JavaScript heap, bytes for each probe. */
const HEAP = 600;
/**
 * Of its object, in memory: an object has two or three pages at least, so those of a provider
 * with fewer than 123 probes take more for each.
 */
const RESIDENT = 100;

describe('A probe that never fires', () => {
  const scene = useScene();

  for (const [providers, probes] of [
    [10, 1000],
    [1, 10_000],
  ] as const) {
    it(`keeps little memory: ${probes.toLocaleString('en')} of each of ${providers} providers`, () => {
      const { heap, resident } = told<Kept>(scene.current, ['--expose-gc', PROGRAM, String(providers), String(probes)]);
      meet('bytes for each', [
        { name: 'of the JavaScript heap', measured: heap, most: HEAP },
        { name: 'of its object, resident', measured: resident, most: RESIDENT },
      ]);
    });
  }
});
