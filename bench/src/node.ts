// What @sonde/node costs a program that nobody traces.
import { Conversation } from './conversation.js';
import type { Figure, Part, Row } from './part.js';
import { environment, interleaved, programPath, withFolder } from './program.js';
import { median, pairs, summary } from './statistics.js';

const REGISTER = import.meta.resolve('@sonde/node/register');
const PROGRAMS = { plain: [], again: [], registered: ['--import', REGISTER] } as const;
const WHAT: Record<keyof typeof PROGRAMS, string> = {
  plain: 'without',
  again: 'without, once more',
  registered: 'with @sonde/node/register',
};
const REQUESTS = 1000;

export const node: Part = {
  name: 'node',
  title: 'an http server with @sonde/node that nobody traces',
  async run({ quick }) {
    return withFolder(async (folder) => {
      const names = Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[];
      const env = environment({ SONDE_DIR: folder });
      const programs = Object.fromEntries(
        names.map((name) => [
          name,
          new Conversation(process.execPath, [...PROGRAMS[name], programPath('server')], env),
        ]),
      ) as Record<keyof typeof PROGRAMS, Conversation>;
      try {
        for (const name of names) await programs[name].hear();
        // V8 has optimised it, and the object is there.
        for (const name of names) await programs[name].ask(String((quick ? 1 : 10) * REQUESTS));
        const asked = async (line: string, rounds: number) =>
          interleaved(names, rounds, async (name) => Number(await programs[name].ask(line)));
        const busy = await asked(String(REQUESTS), quick ? 3 : 101);
        const idle = await asked('idle', quick ? 1 : 15);
        // A minute, in seconds.
        const wakeUps = await asked('wake-ups', quick ? 2 : 60);
        const ratio = (values: typeof busy, name: keyof typeof PROGRAMS): Figure =>
          figure(
            pairs(values[name], values.plain, (one, other) => one / other),
            3,
          );
        return {
          notes: [
            'Processor time of server and client in one process, of three processes that take turns. Idle: microseconds of processor time in',
            'a second of doing nothing; wake-ups: how often its threads began to wait in such a second (Linux counts that). Medians',
            '(quartiles); ratios are medians of ratios within a round. `npm run bench -- load` has the start.',
          ],
          tables: [
            {
              head: ['', 'µs a request', '×', 'idle', '×', 'wake-ups'],
              rows: names.map(
                (name): Row => [
                  WHAT[name],
                  figure(
                    busy[name].map((us) => us / REQUESTS),
                    1,
                  ),
                  ratio(busy, name),
                  figure(idle[name], 0),
                  ratio(idle, name),
                  figure(wakeUps[name], 1),
                ],
              ),
            },
          ],
          goals: [
            {
              what: 'requests with it, over those without',
              measured: median(pairs(busy.registered, busy.plain, (one, other) => one / other)),
              most: 1.005,
              unit: ' ×',
              digits: 3,
            },
            {
              what: 'wake-ups a second, idle, more than without',
              measured: median(wakeUps.registered) - median(wakeUps.plain),
              most: 1,
              unit: '',
              digits: 2,
            },
          ],
        };
      } finally {
        for (const name of names) programs[name].end();
      }
    });
  },
};

const figure = (values: number[], digits: number): Figure => ({ summary: summary(values), digits });
