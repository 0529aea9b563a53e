// A probe that nobody traces: what a call costs, and that it allocates nothing.
import type { Figure, Part, Result, Row } from './part.js';
import { interleaved, runProgram, withFolder } from './program.js';
import type { Allocation } from './programs/allocation.js';
import type { Shape, Timing } from './programs/untraced.js';
import { median, pairs, summary } from './statistics.js';

const SHAPES: Record<Shape, string> = {
  fire: 'probe.fire(string, int)',
  'fire-10000': 'the same, 10,000 probes defined',
  property: 'smtp.sessionStart.fire(string, int)',
  enabled: 'if (probe.enabled)',
  fireWith: 'probe.fireWith(() => [string, int])',
  many: '1,000 probes through one call site',
  event: 'probe.fire(string, int) of a probe that is a user event, too',
  noop: 'probe.fire(string, int), SONDE_BACKEND=noop',
  channel: 'diagnostics_channel publish, no subscriber',
};

const ALLOCATING: Allocation['shape'][] = ['bare', 'fire', 'enabled', 'fireWith'];
const FIRES = 10_000_000;

export const untraced: Part = {
  name: 'untraced',
  title: 'a probe that nobody traces',
  async run({ quick }) {
    return withFolder(async (folder) => {
      const env = { SONDE_DIR: folder };
      const shapes = Object.keys(SHAPES) as Shape[];
      const timings = await interleaved(shapes, quick ? 2 : 9, (shape) =>
        runProgram<Timing>('untraced', [shape, quick ? '15' : '41'], {
          env: shape === 'noop' ? { ...env, SONDE_BACKEND: 'noop' } : env,
        }),
      );
      const over = (shape: Shape) => timings[shape].map((timing) => median(aboveBare(timing, 'shape')));
      const toCall = (shape: Shape) =>
        timings[shape].map((timing) => median(aboveBare(timing, 'shape')) / median(aboveBare(timing, 'call')));
      const all = shapes.flatMap((shape) => timings[shape]);
      const allocations = await interleaved(ALLOCATING, quick ? 1 : 3, (shape) =>
        runProgram<Allocation>('allocation', [shape, String(FIRES)], { env, flags: ['--expose-gc'] }),
      );
      return {
        notes: [
          'ns per call over the bare loop; an empty call is one that V8 does not inline. Median of processes (quartiles).',
          `The bare loop: ${median(all.flatMap(({ bare }) => bare)).toFixed(2)} ns; an empty call: ${median(
            all.map((timing) => median(aboveBare(timing, 'call'))),
          ).toFixed(2)} ns over it.`,
        ],
        tables: [
          {
            head: ['', 'ns over the bare loop', '× an empty call'],
            rows: shapes.map((shape): Row => [SHAPES[shape], figure(over(shape)), figure(toCall(shape))]),
          },
          {
            head: [`${FIRES.toLocaleString('en')} times`, 'the heap grew by, in bytes', 'collections'],
            rows: ALLOCATING.map(
              (shape): Row => [
                shape === 'bare' ? 'the bare loop' : SHAPES[shape],
                allocations[shape].map(({ grown }) => grown.toLocaleString('en')).join(', '),
                String(allocations[shape].reduce((sum, { collections }) => sum + collections, 0)),
              ],
            ),
          },
        ],
        goals: [
          limit('fire(string, int) over the bare loop', median(over('fire')), 1),
          limit('with 10,000 probes defined', median(over('fire-10000')), 1),
          {
            what: 'bytes allocated by a fire',
            // With a collection in between the growth tells nothing.
            measured: allocations.fire.some(({ collections }) => collections > 0)
              ? Number.POSITIVE_INFINITY
              : Math.round(median(allocations.fire.map(({ grown }) => grown)) / FIRES),
            most: 0,
            unit: '',
            digits: 0,
          },
        ],
      } satisfies Result;
    });
  },
};

/** Each round's loop against the bare loop of the same round. */
function aboveBare(timing: Timing, loop: 'shape' | 'call'): number[] {
  return pairs(timing[loop], loop === 'shape' ? timing.shapeBare : timing.bare, (one, bare) => one - bare);
}

const figure = (values: number[]): Figure => ({ summary: summary(values), digits: 2 });
const limit = (what: string, measured: number, most: number) => ({ what, measured, most, unit: ' ns', digits: 2 });
