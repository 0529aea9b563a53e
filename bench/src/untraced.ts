// A probe that nobody traces: what a call costs.
import { fileURLToPath } from 'node:url';
import type { Figure, Goal, Part, Result, Row, Table } from './part.js';
import { interleaved, runProgram, withFolder } from './program.js';
import { BACKENDS, type BackendCall, CALLS, SHAPES, type Shape, type Timing } from './shapes.js';
import { median, pairs, summary } from './statistics.js';

export const untraced: Part = {
  name: 'untraced',
  title: 'a probe that nobody traces',
  async run({ quick, nodes }) {
    return withFolder(async (folder) => {
      const env = { SONDE_DIR: folder };
      const shapes = Object.keys(SHAPES) as Shape[];
      const tables: Table[] = [];
      const goals: Goal[] = [];
      const notes = [
        'ns per call over the loop without it; an empty call is one that V8 does not inline. Median of processes (quartiles).',
      ];
      for (const { version, path } of nodes) {
        const timings = await interleaved(shapes, quick ? 1 : 7, (shape) =>
          runProgram<Timing>('untraced', [shape, quick ? '2' : '21'], {
            node: path,
            env,
          }),
        );
        const over = (shape: Shape) => overLoop(timings[shape]);
        const toCall = (shape: Shape) =>
          timings[shape].map((timing) => median(aboveBare(timing, 'shape')) / median(aboveBare(timing, 'call')));
        const byBackend = await measureBackends(path, env, quick);
        const all = shapes.flatMap((shape) => timings[shape]);
        const call = median(all.map((timing) => median(aboveBare(timing, 'call'))));
        notes.push(
          `Node.js ${version}: the bare loop ${median(all.flatMap(({ bare }) => bare)).toFixed(2)} ns; an empty call ${call.toFixed(2)} ns over it.`,
        );
        tables.push({
          head: [`Node.js ${version}`, 'ns over the loop', '× an empty call'],
          rows: shapes.map((shape): Row => [SHAPES[shape], figure(over(shape)), figure(toCall(shape))]),
          chart: { title: `not traced: nanoseconds per call, Node.js ${version}`, column: 1, unit: ' ns' },
        });
        if (byBackend) {
          tables.push({
            head: [`Node.js ${version}, ns over the loop`, ...BACKENDS],
            rows: CALLS.map(
              (call): Row => [
                SHAPES[call],
                ...BACKENDS.map((backend) => figure(overLoop(byBackend[`${backend} ${call}`]))),
              ],
            ),
          });
        }
        const most = Number.parseInt(version.slice(1), 10) <= 22 ? 1 : 1.4;
        for (const shape of ['fire', 'fire-10000', 'sites', 'many'] as const) {
          goals.push(limit(`${version}: ${SHAPES[shape]}`, median(over(shape)), most));
        }
        goals.push(limit(`${version}: ${SHAPES.fireWith}`, median(over('fireWith')), 2));
      }
      return { notes, tables, goals } satisfies Result;
    });
  },
};

/**
 * For the dtrace backend: the system's helper device, in the process. All else of it is as where
 * there is DTrace.
 */
const MODEL = fileURLToPath(new URL('../../test/dist/fasttrap/model.js', import.meta.url));

/** The calls on each backend; undefined where not all of them run. */
async function measureBackends(
  node: string,
  env: NodeJS.ProcessEnv,
  quick: boolean,
): Promise<Record<BackendCall, Timing[]> | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return;
  const calls = BACKENDS.flatMap((backend) => CALLS.map((call): BackendCall => `${backend} ${call}`));
  return interleaved(calls, quick ? 1 : 5, (one) => {
    const [backend, call] = one.split(' ') as [string, string];
    return runProgram<Timing>('untraced', [call, quick ? '2' : '21'], {
      node,
      flags: backend === 'dtrace' ? ['--import', MODEL] : [],
      env: { ...env, SONDE_BACKEND: backend, SONDE_REQUIRE: '1', SONDE_TEST_SYSTEM: 'linux' },
    });
  });
}

const overLoop = (timings: Timing[]) => timings.map((timing) => median(aboveBare(timing, 'shape')));

/** Each round's loop against the bare loop of the same round. */
function aboveBare(timing: Timing, loop: 'shape' | 'call'): number[] {
  return pairs(timing[loop], loop === 'shape' ? timing.shapeBare : timing.bare, (one, bare) => one - bare);
}

const figure = (values: number[]): Figure => ({ summary: summary(values), digits: 2 });
const limit = (what: string, measured: number, most: number) => ({ what, measured, most, unit: ' ns', digits: 2 });
