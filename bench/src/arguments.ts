// What each kind of argument adds to a fire that bpftrace counts.
import { countOf, startBpftrace, whyNoTracer } from './bpftrace.js';
import { Conversation } from './conversation.js';
import type { Part, Row } from './part.js';
import { environment, interleaved, programPath, UNDISTURBED, withFolder } from './program.js';
import { pairs, summary } from './statistics.js';

const KINDS = {
  none: 'no arguments',
  int: 'int32',
  bigint: 'uint64, a bigint',
  int4: '4 × int32',
  int12: '12 × int32',
  string8: 'string of 8 bytes',
  string64: 'string of 64 bytes',
  string512: 'string of 512 bytes',
  string4096: 'string of 4096 bytes',
  unicode64: 'string of 64 bytes, 32 characters',
  strings3: '3 strings of 9 to 17 bytes',
  bytes: 'bytes, 4096 of them',
  json: 'json, 40 bytes',
  stack: 'stack, of this program',
};
type Kind = keyof typeof KINDS;

const BATCH = 5_000;
/** What no fire without arguments takes while nobody traces it, and every one that is traced. */
const TRACED_NS = 200;

export const argumentsPart: Part = {
  name: 'arguments',
  title: 'kinds of arguments, counted by bpftrace',
  async run({ quick }) {
    const missing = whyNoTracer();
    if (missing !== undefined) return { leftOut: [missing], notes: [], tables: [], goals: [] };
    return withFolder(async (folder) => {
      const [command, ...parameters] = [...UNDISTURBED, process.execPath, programPath('arguments')];
      const program = new Conversation(command!, parameters, environment({ SONDE_DIR: folder }));
      try {
        const probe = await program.hear();
        const fire = async (kind: Kind, times = BATCH) => Number(await program.ask(`${kind} ${times}`));
        const kinds = Object.keys(KINDS) as Kind[];
        const untraced = await interleaved(kinds, quick ? 1 : 3, (kind) => fire(kind, 200_000));
        const stop = startBpftrace(`${probe} { @fired = count(); }`);
        let output = '';
        let times: Record<Kind, number[]>;
        try {
          const deadline = Date.now() + 20_000;
          // Twice: the first may have been interrupted.
          while ((await fire('none', 2000)) < TRACED_NS || (await fire('none', 2000)) < TRACED_NS) {
            if (Date.now() > deadline) throw new Error(`bpftrace did not attach to ${probe} within 20 s`);
          }
          for (const kind of kinds) await fire(kind, quick ? BATCH : 20_000);
          times = await interleaved(kinds, quick ? 2 : 41, (kind) => fire(kind));
          output = await stop();
        } finally {
          if (output === '') await stop();
        }
        if (countOf(output, 'fired') < kinds.length * BATCH) throw new Error(`bpftrace missed fires:\n${output}`);
        return {
          notes: ['ns per fire; the ratio is the median of ratios within a round.'],
          tables: [
            {
              head: ['', 'ns per fire', '× no arguments', 'not traced'],
              rows: kinds.map(
                (kind): Row => [
                  KINDS[kind],
                  { summary: summary(times[kind]), digits: 0 },
                  { summary: summary(pairs(times[kind], times.none, (one, none) => one / none)), digits: 2 },
                  { summary: summary(untraced[kind]), digits: 1 },
                ],
              ),
              chart: { title: 'counted by bpftrace: × a fire without arguments', column: 2, unit: ' ×' },
            },
          ],
          goals: [],
        };
      } finally {
        program.end();
      }
    });
  },
};
