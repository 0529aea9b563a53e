// What importing sonde and defining probes adds to a program's start.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Figure, Part, Row } from './part.js';
import { environment, interleaved, runProgram, withFolder } from './program.js';
import type { LoadTimes, Work } from './programs/load.js';
import type { Many } from './programs/many.js';
import { least, median, pairs, summary } from './statistics.js';
import { wholeProcesses } from './whole-processes.js';

const WORK: Record<Work, string> = {
  nothing: 'import of an empty file',
  addon: 'require of the bare addon file',
  ten: "import 'sonde', 1 provider of 10 probes, second time",
  packages: 'the same in a program that has packages already',
  first: 'the same, first time: the object is written',
  require: "the same with require('sonde'), second time",
  noop: 'the same, SONDE_BACKEND=noop',
  one: 'the same, 1 provider of 1 probe, second time',
  thousand: "import 'sonde', 100 providers of 10 probes, second time",
  tenThousand: "import 'sonde', 1,000 providers of 10 probes, second time",
};

export const load: Part = {
  name: 'load',
  title: 'what a program that imports sonde waits for',
  async run({ quick, nodes }) {
    return withFolder(async (folder) => {
      const names = (Object.keys(WORK) as Work[]).filter((work) => !quick || work !== 'tenThousand');
      const addon = join(
        dirname(createRequire(import.meta.url).resolve('@sonde/native/package.json')),
        'addon/build/Release/sonde.node',
      );
      const measure = (work: Work, round: number) => {
        const env = { SONDE_DIR: work === 'first' ? join(folder, `first-${round}`) : join(folder, 'again') };
        return runProgram<LoadTimes>('load', [work, addon], {
          env: work === 'noop' ? { ...env, SONDE_BACKEND: 'noop' } : env,
        });
      };
      // Before the rounds: what is measured finds the objects there, and its own files in the
      // system's memory.
      for (const name of names) await measure(name, -1);
      const empty: number[] = [];
      const times = await interleaved(names, quick ? 1 : 31, async (work, round) => {
        if (work === names[0]) empty.push(await emptyProgram());
        return measure(work, round);
      });
      const processes = [];
      for (const node of nodes) processes.push(await wholeProcesses(node, join(folder, 'again'), quick ? 2 : 21));
      const many: Record<string, Many[]> = {};
      for (const [providers, probes] of MANY) {
        const once = () =>
          runProgram<Many>('many', [String(providers), String(probes)], {
            flags: ['--expose-gc'],
            env: { SONDE_DIR: join(folder, 'again') },
          });
        await once();
        many[`${providers.toLocaleString('en')} × ${probes.toLocaleString('en')}`] = [
          await once(),
          ...(quick ? [] : [await once(), await once()]),
        ];
      }
      const defined = (work: Work) => times[work].map(({ defined }) => defined);
      const total = (work: Work) => times[work].map(({ imported, defined }) => imported + defined);
      return {
        notes: [
          'Milliseconds in the process. The program is ESM and has already loaded node:fs, a CommonJS file and an ESM file,',
          'as any application has; but no package by its name, unless it says so. Median of processes (quartiles), and the',
          'quickest; ratios are medians of ratios within a round. Then whole processes, from their start to their end:',
          'processor time as the system counts it, and memory at most, medians of pairs.',
          `node -e 0 takes ${median(empty).toFixed(1)} ms in all.`,
        ],
        tables: [
          {
            head: ['', 'import', 'definition', 'both', 'quickest', '× bare addon', '× node -e 0', 'MiB'],
            rows: names.map(
              (work): Row => [
                WORK[work],
                figure(times[work].map(({ imported }) => imported)),
                times[work].some(({ defined }) => defined > 0)
                  ? figure(times[work].map(({ defined }) => defined))
                  : '–',
                figure(total(work)),
                least(total(work)).toFixed(2),
                figure(pairs(total(work), total('addon'), (one, other) => one / other)),
                figure(
                  pairs(total(work), empty, (one, other) => one / other),
                  3,
                ),
                figure(
                  times[work].map(({ grown }) => grown),
                  1,
                ),
              ],
            ),
          },
          ...processes.map(({ table }) => table),
          {
            head: ['providers × probes each, second time', 'ms', 'µs a probe', 'bytes of heap a probe'],
            rows: Object.entries(many).map(
              ([what, runs]): Row => [
                what,
                figure(
                  runs.map(({ ms }) => ms),
                  0,
                ),
                figure(
                  runs.map(({ ms }) => (ms * 1000) / numberOf(what)),
                  1,
                ),
                figure(
                  runs.map(({ heap }) => heap),
                  0,
                ),
              ],
            ),
          },
        ],
        goals: [
          limit('sonde and one provider with ten probes, second time', median(total('ten')), 5),
          limit('1,000 probes in 100 providers, second time', median(defined('thousand')), 50),
          ...processes.flatMap(({ goals }) => goals),
          limit('60,000 probes in one provider', median(many['1 × 60,000']!.map(({ ms }) => ms)), 1500),
          limit('60,000 probes in 600 providers', median(many['600 × 100']!.map(({ ms }) => ms)), 1500),
        ],
      };
    });
  },
};

async function emptyProgram(): Promise<number> {
  const start = performance.now();
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore', env: environment({}) }), 'close');
  return performance.now() - start;
}

/** How many providers, and how many probes of each. */
const MANY = [
  [1, 1000],
  [100, 10],
  [1, 60_000],
  [600, 100],
] as const;

const numberOf = (what: string) =>
  what
    .replaceAll(',', '')
    .split(' × ')
    .reduce((product, number) => product * Number(number), 1);

const figure = (values: number[], digits = 2): Figure => ({ summary: summary(values), digits });
const limit = (what: string, measured: number, most: number) => ({ what, measured, most, unit: ' ms', digits: 1 });
