// What processes take from their start to their end, on each version of Node.js: processor time, as
// the system counts it, and memory.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { NodeVersion } from './nodes.js';
import type { Figure, Goal, Row, Table } from './part.js';
import { environment, interleaved, programPath } from './program.js';
import { median, summary } from './statistics.js';

const MEMORY = 'process.resourceUsage().maxRSS';
const NOTHING = ['-p', MEMORY];
const REGISTER = '@sonde/node/register';
/** From where that is found by its name. */
const FOLDER = fileURLToPath(new URL('..', import.meta.url));

const PROGRAMS = {
  again: NOTHING,
  required: [programPath('ten-required').replace(/\.js$/, '.cjs')],
  imported: [programPath('ten-imported')],
  empty: [programPath('none-imported')],
  registerRequired: ['--require', REGISTER, ...NOTHING],
  registerImported: ['--import', REGISTER, ...NOTHING],
};
type Name = keyof typeof PROGRAMS;

const WHAT: Record<Name, string> = {
  again: 'node -e 0, once more',
  required: "require('sonde'), 1 provider of 10 probes",
  imported: "import 'sonde', the same, in an ES module",
  empty: 'an ES module that does nothing',
  registerRequired: 'node --require @sonde/node/register -e 0',
  registerImported: 'node --import @sonde/node/register -e 0',
};

/** Times what the system counts for a process, and milliseconds of that. */
const TIMED = ['-c', 'TIMEFORMAT="%U %S"; time "$@"', 'bash'];

interface Cost {
  ms: number;
  mib: number;
}

function costOf(node: string, parameters: readonly string[], env: NodeJS.ProcessEnv): Cost {
  const { status, stdout, stderr } = spawnSync('bash', [...TIMED, node, ...parameters], {
    encoding: 'utf8',
    env,
    cwd: FOLDER,
  });
  if (status !== 0) throw new Error(`${node} ${parameters.join(' ')} ended with ${status}: ${stderr}`);
  const [user, system] = stderr.trim().split('\n').at(-1)!.replaceAll(',', '.').split(' ').map(Number) as [
    number,
    number,
  ];
  return { ms: (user + system) * 1000, mib: Number(stdout) / 1024 };
}

export async function wholeProcesses(
  { version, path }: NodeVersion,
  folder: string,
  rounds: number,
): Promise<{ table: Table; goals: Goal[] }> {
  const env = environment({ SONDE_DIR: folder });
  const names = Object.keys(PROGRAMS) as Name[];
  // So that the objects are there.
  for (const name of names) costOf(path, PROGRAMS[name], env);
  const plain: Cost[] = [];
  const costs = await interleaved(names, rounds, async (name) => {
    // Each beside one that does nothing, since machines change their speed.
    plain.push(costOf(path, NOTHING, env));
    return { own: costOf(path, PROGRAMS[name], env), beside: plain.at(-1)! };
  });
  const differences = (name: Name, compare: (own: Cost, beside: Cost) => number) =>
    costs[name].map(({ own, beside }) => compare(own, beside));
  const times = (name: Name) => differences(name, (own, beside) => own.ms / beside.ms);
  const memory = (name: Name) => differences(name, (own, beside) => own.mib - beside.mib);
  const ms = (name: Name) => differences(name, (own, beside) => own.ms - beside.ms);
  const limit = (what: string, measured: number, most: number, unit: string, digits: number): Goal => ({
    what: `Node.js ${version}: ${what}`,
    measured,
    most,
    unit,
    digits,
  });
  return {
    table: {
      head: [`Node.js ${version}`, '× node -e 0', 'ms more', 'MiB more'],
      rows: names.map(
        (name): Row => [WHAT[name], figure(times(name), 3), figure(ms(name), 1), figure(memory(name), 1)],
      ),
    },
    goals: [
      limit('start with @sonde/node/register, over without', median(times('registerRequired')), 1.15, ' ×', 2),
      limit('its memory', median(memory('registerRequired')), 4, ' MiB', 1),
      limit('sonde and ten probes, over node -e 0', median(times('required')), 1.05, ' ×', 2),
      limit('its memory', median(memory('required')), 2, ' MiB', 1),
    ],
  };
}

/** Medians of ratios or differences within pairs. */
const figure = (values: number[], digits: number): Figure => ({ summary: summary(values), digits });
