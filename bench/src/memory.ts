// Resident memory while a probe fires millions of times.
import { startBpftrace, whyNoTracer } from './bpftrace.js';
import { Conversation } from './conversation.js';
import type { Part, Row } from './part.js';
import { environment, programPath, withFolder } from './program.js';
import type { Values } from './programs/memory.js';
import { median } from './statistics.js';

const MIB = 2 ** 20;
/** V8's heap breathes by about this much. A pointer lost with each of half a million fires would be 4 of them. */
const FLAT_MIB = 1;

interface Run {
  what: string;
  values: Values;
  traced: boolean;
  fires: number;
}

const runs: Run[] = [
  { what: '(string, int), untraced', values: 'plain', traced: false, fires: 10_000_000 },
  { what: '(string, int), traced', values: 'plain', traced: true, fires: 10_000_000 },
  { what: '(json), traced', values: 'json', traced: true, fires: 1_000_000 },
  { what: '(stack), traced', values: 'stack', traced: true, fires: 1_000_000 },
];

export const memory: Part = {
  name: 'memory',
  title: 'resident memory while a probe fires millions of times',
  async run({ quick }) {
    const missing = whyNoTracer();
    const possible = runs
      .filter(({ traced }) => !traced || missing === undefined)
      .map((run) => ({ ...run, fires: quick ? run.fires / 50 : run.fires }));
    const series = await withFolder(async (folder) => {
      const measured: number[][] = [];
      for (const run of possible) measured.push(await measure(run, folder));
      return measured;
    });
    return {
      leftOut: missing === undefined ? [] : [`traced probes: ${missing}`],
      notes: ['MiB, each after a collection: before the first fire, and after every tenth of them.'],
      tables: [
        {
          head: ['', 'fires', 'resident memory'],
          rows: possible.map(
            ({ what, fires }, index): Row => [
              what,
              fires.toLocaleString('en'),
              series[index]!.map((bytes) => (bytes / MIB).toFixed(1)).join(' '),
            ],
          ),
        },
      ],
      goals: possible.map(({ what }, index) => ({
        what: `${what}: growth in the second half`,
        measured: growth(series[index]!),
        most: FLAT_MIB,
        unit: ' MiB',
        digits: 1,
      })),
    };
  },
};

/** In the second half, since the first fires compile code and make V8's heap what it then stays. */
function growth(series: number[]): number {
  return (median(series.slice(-3)) - median(series.slice(4, 7))) / MIB;
}

async function measure({ values, traced, fires }: Run, folder: string): Promise<number[]> {
  const parameters = [values, traced ? 'traced' : 'untraced', String(fires), String(fires / 10)];
  const program = new Conversation(
    process.execPath,
    ['--expose-gc', programPath('memory'), ...parameters],
    environment({ SONDE_DIR: folder }),
  );
  try {
    const probe = await program.hear();
    const stop = traced ? startBpftrace(`usdt:${probe} { @ = count(); }`) : undefined;
    try {
      return JSON.parse(await program.ask('go'));
    } finally {
      await stop?.();
    }
  } finally {
    program.end();
  }
}
