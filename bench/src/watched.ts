// What a call of a function takes that is watched by name, beside one that has probes in its source.
import { whyNoTracer } from './bpftrace.js';
import type { Figure, Part, Row } from './part.js';
import { runProgram, withFolder } from './program.js';
import type { CallTimes } from './programs/called.js';
import { summary } from './statistics.js';

const REGISTER = import.meta.resolve('@sonde/node/register');

const WAYS: Record<string, NodeJS.ProcessEnv> = {
  'probes in the source': { SONDE_FUNCTIONS: '/**' },
  'watched by name': { SONDE_LIVE: 'programs/called.js:called', SONDE_LIVE_SHARE: '1' },
};

export const watched: Part = {
  name: 'watched',
  title: 'a call of a function, entry and return counted by bpftrace: watched by name, and with probes in its source',
  async run({ quick, nodes }) {
    const reason = whyNoTracer();
    if (reason !== undefined)
      return { leftOut: [`calls that are traced: ${reason}`], notes: [], tables: [], goals: [] };
    const rows: Row[] = [];
    for (const { version, path } of nodes) {
      for (const [way, env] of Object.entries(WAYS)) {
        const times = await withFolder((folder) =>
          runProgram<CallTimes>('called', [quick ? '5' : '21'], {
            node: path,
            flags: ['--import', REGISTER],
            env: { SONDE_DIR: folder, ...env },
          }),
        );
        rows.push([
          `${version}, ${way}`,
          figure(times.before, 2),
          figure(
            times.traced.map((ns) => ns / 1000),
            1,
          ),
          figure(times.after, 2),
        ]);
      }
    }
    return {
      notes: ['Median of rounds (quartiles). Before and after, nobody traces; the function is one that V8 inlines.'],
      tables: [{ head: ['', 'before, ns', 'traced, µs', 'after, ns'], rows }],
      goals: [],
    };
  },
};

const figure = (values: number[], digits: number): Figure => ({ summary: summary(values), digits });
