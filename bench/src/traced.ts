// A probe that bpftrace is attached to, beside a C program's with the same arguments under the same
// bpftrace.
import { spawnSync } from 'node:child_process';
import { release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { firstInstruction } from '@sonde/native';
import { countOf, startBpftrace, whyNoTracer } from './bpftrace.js';
import { Conversation } from './conversation.js';
import type { Goal, Part, Result, Row, Table } from './part.js';
import { environment, interleaved, programPath, UNDISTURBED, withFolder } from './program.js';
import type { Way } from './programs/traced.js';
import { least, median, pairs, summary } from './statistics.js';

type Program = Way | 'c' | 'cNop5';

const x64 = process.arch === 'x64';
const PROGRAMS: Partial<Record<Program, string>> = {
  c: 'C, STAP_PROBE2(string, int) of <sys/sdt.h>',
  ...(x64 && { cNop5: 'the same with the 5-byte nop' }),
  sonde: 'sonde, probe.fire(string, int)',
  ...(x64 && { nop1: 'the same with the 1-byte nop', nop5: 'the same with the 5-byte nop' }),
  changing: 'sonde, another string each time',
  ten: 'ten probes of one provider in turn',
  // Its first argument is no text, so it is only counted.
  operation: 'an operation: start and done, (string) and (int)',
  ebpf: 'sonde, SONDE_BACKEND=ebpf',
  native: "sonde's native call alone",
  usdt: "npm usdt's way, re-created: a closure, a native call to ask, one to fire",
};

const ACTIONS = {
  count: { what: 'counted', action: (map: string) => `{ @${map} = count(); }` },
  read: {
    what: 'both arguments read',
    action: (map: string) => `{ if (str(arg0) != "?" && arg1 >= 0) { @${map} = count(); } }`,
  },
};

/** What no program reaches while nobody traces it, and every one that is traced. */
const TRACED_NS = 200;
const BATCH_MS = 15;

interface Size {
  rounds: number;
  /** Rounds of a million fires before the tracer comes. */
  untraced: number;
  /** Fires before the rounds. */
  warm: number;
}
const SIZE: Record<'full' | 'quick', Size> = {
  full: { rounds: 101, untraced: 5, warm: 50_000 },
  quick: { rounds: 3, untraced: 1, warm: 10_000 },
};

export const traced: Part = {
  name: 'traced',
  title: 'a probe that bpftrace is attached to',
  async run({ quick }) {
    const missing = whyNoTracer();
    if (missing !== undefined) return { leftOut: [missing], notes: [], tables: [], goals: [] };
    return withFolder((folder) => run(folder, quick ? SIZE.quick : SIZE.full));
  },
};

interface Started {
  conversation: Conversation;
  /** The probe, or all of them. */
  probe: string;
}

async function run(folder: string, size: Size): Promise<Result> {
  const leftOut: string[] = [];
  const started: Partial<Record<Program, Started>> = {};
  try {
    for (const program of Object.keys(PROGRAMS) as Program[]) {
      const made = await start(program, folder);
      if (typeof made === 'string') leftOut.push(`${PROGRAMS[program]}: ${made}`);
      else started[program] = made;
    }
    const programs = Object.keys(started) as Program[];
    const untraced = await interleaved(programs, size.untraced, (program) => fire(started[program]!, 1_000_000));
    const tables: Table[] = [];
    const goals: Goal[] = [];
    for (const { what, action } of Object.values(ACTIONS)) {
      const times = await underTracer(started, programs, action, size);
      const ratios = (program: Program) => pairs(times[program], times.c, (one, c) => one / c);
      tables.push({
        head: [what, 'ns per fire', '× C', 'quickest', '× C', 'not traced'],
        rows: programs.map(
          (program): Row => [
            PROGRAMS[program]!,
            { summary: summary(times[program]), digits: 0 },
            times.c ? { summary: summary(ratios(program)), digits: 3 } : '–',
            least(times[program]).toFixed(0),
            times.c ? (least(times[program]) / least(times.c)).toFixed(3) : '–',
            { summary: summary(untraced[program]), digits: 1 },
          ],
        ),
        chart: { title: `${what} by bpftrace: × a C program's STAP_PROBE2`, column: 2, unit: ' ×' },
      });
      if (action === ACTIONS.count.action) {
        const measured = median(pairs(times.operation, times.sonde, (one, fire) => one / fire));
        goals.push({ what: `an operation against one fire, ${what}`, measured, most: 3, unit: ' ×', digits: 2 });
      }
      if (!times.c) continue;
      const ratio = median(ratios('sonde'));
      goals.push({ what: `sonde against C, ${what}`, measured: ratio, most: 1.1, unit: ' ×', digits: 2 });
      if (firstInstruction(release(), process.arch) > 1) {
        const goal = 'cheaper than C, since this kernel optimises our nop';
        goals.push({ what: `${goal}, ${what}`, measured: ratio, most: 0.9, unit: ' ×', digits: 2 });
      }
    }
    return {
      leftOut,
      notes: [
        'Nanoseconds per fire; the programs take turns under one bpftrace. Median of rounds (quartiles), and the quickest round;',
        `the first × C is the median of ratios within a round. "sonde" chooses the ${firstInstruction(release(), process.arch)}-byte nop for this kernel; C's is the 1-byte nop.`,
      ],
      tables,
      goals,
    };
  } finally {
    for (const { conversation } of Object.values(started)) conversation.end();
  }
}

/** The reason as text, when it cannot. */
async function start(program: Program, folder: string): Promise<Started | string> {
  if (program !== 'c' && program !== 'cNop5') {
    // A folder for each: what has the same content is to be another file all the same.
    const env = environment({ SONDE_DIR: join(folder, program) });
    if (program === 'ebpf') env.SONDE_BACKEND = 'ebpf';
    const [command, ...parameters] = [...UNDISTURBED, process.execPath, programPath('traced'), program];
    const conversation = new Conversation(command!, parameters, env);
    return { conversation, probe: await conversation.hear() };
  }
  const object = join(folder, program);
  const source = fileURLToPath(new URL('../src/programs/traced.c', import.meta.url));
  const options = ['-O2', '-o', object, source, ...(program === 'cNop5' ? ['-DNOP5'] : [])];
  const compiler = spawnSync('cc', options, { encoding: 'utf8' });
  if (compiler.error) return 'there is no C compiler';
  if (compiler.status !== 0) return `cc says ${compiler.stderr.split('\n').find((line) => line.includes('error'))}`;
  const [command, ...parameters] = [...UNDISTURBED, object];
  const conversation = new Conversation(command!, parameters, environment({}));
  return { conversation, probe: `usdt:${object}:smtp:session__start` };
}

/** Nanoseconds for each fire. */
async function fire({ conversation }: Started, times: number): Promise<number> {
  return Number(await conversation.ask(String(times)));
}

async function underTracer(
  started: Partial<Record<Program, Started>>,
  programs: Program[],
  action: (map: string) => string,
  { rounds, warm }: Size,
): Promise<Record<Program, number[]>> {
  const script = programs.map(
    (program) => `${started[program]!.probe} ${(program === 'operation' ? ACTIONS.count.action : action)(program)}`,
  );
  const stop = startBpftrace(script.join('\n'));
  let output = '';
  let batch = 0;
  try {
    for (const program of programs) await attached(started[program]!);
    // V8 compiles what runs now, and the kernel replaces nops when they are first hit.
    for (const program of programs) batch = Math.round((BATCH_MS * 1e6) / (await fire(started[program]!, warm)));
    const times = await interleaved(programs, rounds, (program) => fire(started[program]!, batch));
    output = await stop();
    const lost = programs.filter((program) => countOf(output, program) < batch * rounds);
    if (lost.length > 0) throw new Error(`bpftrace did not count all fires of ${lost.join(', ')}:\n${output}`);
    return times;
  } finally {
    if (output === '') await stop();
  }
}

async function attached(program: Started): Promise<void> {
  const deadline = Date.now() + 20_000;
  while ((await fire(program, 1000)) < TRACED_NS) {
    if (Date.now() > deadline) throw new Error(`bpftrace did not attach to ${program.probe} within 20 s`);
  }
}
