// What the command `sonde` costs: the program that it traces, for each fire, beside what bpftrace's
// own scripts cost it; and how long the command takes to start.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { whyNoTracer } from './bpftrace.js';
import { Conversation } from './conversation.js';
import type { Figure, Goal, Part, Result, Row, Table } from './part.js';
import { environment, interleaved, programPath, UNDISTURBED, withFolder } from './program.js';
import { least, median, pairs, summary } from './statistics.js';

const SONDE = fileURLToPath(new URL('../../packages/cli/bin/sonde.js', import.meta.url));

/** One way to trace smtp.sessionStart(string, int): a subcommand, or a script of bpftrace's own. */
interface Way {
  what: string;
  sonde?: readonly string[];
  /** What stands behind the probe in its script. */
  bpftrace?: string;
  /** What does the same without the command. */
  beside?: string;
  /** How many fires its output has. */
  told?: (output: string) => number;
}

const PRINT = 'printf("%s %d\\n", str(arg0), arg1);';
const PROBE = 'smtp:session-start';

const WAYS = {
  untraced: { what: 'nobody traces it' },
  count: { what: 'sonde count', sonde: ['count', PROBE, '--json'], beside: 'ownCount', told: ofReport },
  ownCount: { what: '  bpftrace: @ = count()', bpftrace: '{ @ = count(); }', told: ofMap },
  countBy: {
    what: 'sonde count --by peer',
    sonde: ['count', PROBE, '--by', 'peer', '--json'],
    beside: 'ownCountBy',
    told: ofReport,
  },
  ownCountBy: { what: '  bpftrace: @[str(arg0)] = count()', bpftrace: '{ @[str(arg0)] = count(); }', told: ofMap },
  hist: { what: 'sonde hist', sonde: ['hist', PROBE, '--json'], beside: 'ownHist', told: ofReport },
  ownHist: { what: '  bpftrace: @ = hist(arg1)', bpftrace: '{ @ = hist(arg1); }', told: ofHistogram },
  trace: { what: 'sonde trace', sonde: ['trace', PROBE, '--no-limit', '--json'], beside: 'ownPrint', told: ofLines },
  traceByBpftrace: {
    what: 'sonde trace --engine bpftrace',
    sonde: ['trace', PROBE, '--no-limit', '--json', '--engine', 'bpftrace'],
    beside: 'ownPrint',
    told: ofLines,
  },
  ownPrint: { what: '  bpftrace: printf() of both arguments', bpftrace: `{ ${PRINT} }`, told: ofLines },
  none: {
    what: "sonde trace --where 'port == -1', which none is",
    sonde: ['trace', PROBE, '--where', 'port == -1'],
    beside: 'ownNone',
  },
  ownNone: { what: '  bpftrace: the same condition', bpftrace: `/arg1 == -1/ { ${PRINT} }` },
  gdb: {
    what: 'sonde trace --engine gdb',
    sonde: ['trace', PROBE, '--no-limit', '--json', '--engine', 'gdb'],
    beside: 'ownPrint',
    told: ofLines,
  },
} satisfies Record<string, Way>;
type Name = keyof typeof WAYS;

/** Fires at once: more would fill the buffers of what prints them. */
const BATCH = 1000;
/** gdb stops the program at each. */
const BATCH_OF_GDB = 20;
/** Between two batches: what was printed is read meanwhile. */
const PAUSE_MS = 10;
/** Before they are ended. */
const LAST_MS = 500;

interface Size {
  rounds: number;
  starts: number;
}
const SIZE: Record<'full' | 'quick', Size> = {
  full: { rounds: 101, starts: 15 },
  quick: { rounds: 7, starts: 2 },
};

export const command: Part = {
  name: 'command',
  title: 'the command sonde: what it costs the program that it traces, and its start',
  async run({ quick }) {
    const missing = whyNoTracer();
    if (missing !== undefined) return { leftOut: [missing], notes: [], tables: [], goals: [] };
    return withFolder((folder) => run(folder, quick ? SIZE.quick : SIZE.full));
  },
};

async function run(folder: string, size: Size): Promise<Result> {
  const leftOut: string[] = [];
  const names = (Object.keys(WAYS) as Name[]).filter((name) => {
    const isThere = name !== 'gdb' || spawnSync('gdb', ['--version']).status === 0;
    if (!isThere) leftOut.push('sonde trace --engine gdb: gdb is not installed');
    return isThere;
  });
  const fires = await firesOf(names, folder, size.rounds);
  const starts = await startsOf(folder, size.starts);
  return {
    leftOut,
    notes: [
      'a program of its own for each, all of them traced at once; they fire in turn',
      'every fire was counted, printed or told as lost (of bpftrace: since it was attached)',
    ],
    tables: [fires.table, starts.table],
    goals: [...fires.goals, ...starts.goals],
  };
}

/** A program, and who traces it. */
interface Traced {
  program: Conversation;
  tracer: Tracer | undefined;
  fired: number;
}

async function firesOf(
  names: readonly Name[],
  folder: string,
  rounds: number,
): Promise<{ table: Table; goals: Goal[] }> {
  const started = {} as Record<Name, Traced>;
  try {
    await Promise.all(
      names.map(async (name) => {
        started[name] = await start(name, folder);
      }),
    );
    const batchOf = (name: Name) => (name === 'gdb' ? BATCH_OF_GDB : BATCH);
    const measure = async (name: Name) => {
      const ns = await fire(started[name], batchOf(name));
      await setTimeout(PAUSE_MS);
      return ns;
    };
    // V8 compiles what runs now, and the kernel replaces nops when they are first hit.
    await interleaved(names, 5, measure);
    const times = await interleaved(names, rounds, measure);
    await setTimeout(LAST_MS);
    const lost = new Map(await Promise.all(names.map(async (name) => [name, await end(name, started[name])] as const)));
    const ratios = (name: Name, other: Name) => pairs(times[name], times[other], (one, own) => one / own);
    const against = (what: string, name: Name, other: Name, most: number): Goal => ({
      what,
      measured: median(ratios(name, other)),
      most,
      unit: ' ×',
      digits: 2,
    });
    return {
      table: {
        head: ['for each fire, in the program', 'µs', "× bpftrace's own", 'quickest', 'lost'],
        rows: names.map((name): Row => {
          const { what, beside } = WAYS[name] as Way;
          const microseconds = times[name].map((ns) => ns / 1000);
          return [
            what,
            figure(microseconds, name === 'untraced' ? 3 : 2),
            beside === undefined ? '' : figure(ratios(name, beside as Name), 2),
            least(microseconds).toFixed(name === 'untraced' ? 3 : 2),
            lost.get(name) ?? '',
          ];
        }),
      },
      goals: [
        against("sonde count against bpftrace's count()", 'count', 'ownCount', 1.1),
        against("sonde hist against bpftrace's hist()", 'hist', 'ownHist', 1.1),
        against("sonde trace against bpftrace's printf()", 'trace', 'ownPrint', 0.37),
      ],
    };
  } finally {
    for (const { program, tracer } of Object.values(started)) {
      await tracer?.stop();
      program.end();
    }
  }
}

async function start(name: Name, folder: string): Promise<Traced> {
  // A folder for each: what has the same content is to be another file all the same.
  const env = environment({ SONDE_DIR: join(folder, name) });
  const [first, ...rest] = [...UNDISTURBED, process.execPath, programPath('traced'), 'sonde'];
  const program = new Conversation(first!, rest, env);
  const probe = await program.hear();
  const { sonde, bpftrace } = WAYS[name] as Way;
  const output = join(folder, `${name}.out`);
  let tracer: Tracer | undefined;
  if (sonde) tracer = new Tracer(process.execPath, [SONDE, ...sonde, '-p', String(program.pid)], output);
  if (bpftrace)
    tracer = new Tracer('bpftrace', ['-e', `${probe} ${bpftrace} interval:ms:100 { @beats = count(); }`], output);
  const traced = { program, tracer, fired: 0 };
  await tracer?.attached;
  // bpftrace says so before it is.
  for (const late = Date.now() + 20_000; bpftrace && (await fire(traced, 100)) < TRACED_NS; await setTimeout(100)) {
    if (Date.now() > late) throw new Error(`${name}: not attached within 20 s`);
  }
  return traced;
}

/** What no program reaches while nobody traces it, and every one that is traced. */
const TRACED_NS = 200;

/** Nanoseconds for each fire. */
async function fire(traced: Traced, times: number): Promise<number> {
  traced.fired += times;
  return Number(await traced.program.ask(String(times)));
}

/**
 * Ends it. How many it has lost, if it tells.
 *
 * @throws if its output tells of other fires than there were
 */
async function end(name: Name, { tracer, fired }: Traced): Promise<string | undefined> {
  const { told, sonde } = WAYS[name] as Way;
  await tracer?.stop();
  if (!tracer || !told) return undefined;
  const output = `${readFileSync(tracer.file, 'utf8')}\n${tracer.said}`;
  const lost = lostIn(output);
  const count = told(output) + lost;
  // What fired before bpftrace's own was attached is not in it.
  const isRight = sonde ? count === fired : count > 0 && count <= fired;
  if (!isRight) throw new Error(`${name} tells of ${count} fires of ${fired}: ${tracer.said}`);
  return `${lost} of ${count}`;
}

/** A command that goes on until it is ended; its output is a file. */
class Tracer {
  readonly file: string;
  readonly attached: Promise<void>;
  said = '';
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;

  constructor(name: string, parameters: readonly string[], file: string) {
    this.file = file;
    const output = openSync(file, 'w');
    this.child = spawn(name, parameters, { stdio: ['ignore', output, 'pipe'], env: environment({}) });
    closeSync(output);
    this.ended = once(this.child, 'close');
    this.attached = new Promise((resolve, reject) => {
      this.ended.then(() => reject(new Error(`${name} ${parameters.join(' ')} has ended: ${this.said}`)));
      createInterface(this.child.stderr!).on('line', (line) => {
        this.said += `${line}\n`;
        if (/^sonde: (?:tracing|counting)/.test(line)) resolve();
      });
      if (name === 'bpftrace') resolve();
    });
    this.attached.catch(() => {});
  }

  async stop(): Promise<void> {
    // bpftrace forgets a request that comes at the wrong moment.
    const again = setInterval(() => this.child.kill('SIGINT'), 5000);
    if (this.child.exitCode === null) this.child.kill('SIGINT');
    await this.ended;
    clearInterval(again);
  }
}

function ofReport(output: string): number {
  const line = output.split('\n').find((each) => each.startsWith('{"total":true')) ?? '{"groups":[]}';
  return JSON.parse(line).groups.reduce((sum: number, { count }: { count: number }) => sum + count, 0);
}

function ofMap(output: string): number {
  return Number(/^@(?:\[.*\])?: (\d+)$/m.exec(output)?.[1] ?? 0);
}

function ofHistogram(output: string): number {
  return sum([...output.matchAll(/^[[(].*[)\]] +(\d+) \|/gm)].map(([, count]) => Number(count)));
}

function ofLines(output: string): number {
  return output.split('\n').filter((line) => line.includes('10.0.0.7')).length;
}

function lostIn(output: string): number {
  return sum([...output.matchAll(/"noRoom":(\d+)|^Lost (\d+) events/gm)].map(([, a, b]) => Number(a ?? b)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Processor time of `sonde list`, and how long it takes until `sonde trace` is attached. */
async function startsOf(folder: string, rounds: number): Promise<{ table: Table; goals: Goal[] }> {
  const program = new Conversation(
    process.execPath,
    [programPath('traced'), 'sonde'],
    environment({ SONDE_DIR: folder }),
  );
  try {
    await program.hear();
    const pid = String(program.pid);
    const things = {
      node: () => costOf(['-e', '0']),
      list: () => costOf([SONDE, 'list']),
      listOne: () => costOf([SONDE, 'list', pid]),
      trace: () => attachedAfter(folder, ['trace', PROBE, '-p', pid]),
      traceByBpftrace: () => attachedAfter(folder, ['trace', PROBE, '-p', pid, '--engine', 'bpftrace']),
      count: () => attachedAfter(folder, ['count', PROBE, '-p', pid]),
    };
    const names = Object.keys(things) as (keyof typeof things)[];
    for (const name of names) await things[name]();
    const times = await interleaved(names, rounds, (name) => things[name]());
    const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length;
    const row = (what: string, kind: string, name: keyof typeof things): Row => [
      what,
      kind,
      figure(times[name], 0),
      least(times[name]).toFixed(0),
    ];
    const limit = (what: string, name: keyof typeof things, most: number): Goal => ({
      what,
      measured: median(times[name]),
      most,
      unit: ' ms',
      digits: 0,
    });
    return {
      table: {
        head: [`the command's start, ${processes} processes`, '', 'ms', 'quickest'],
        rows: [
          row('node -e 0', 'processor time', 'node'),
          row('sonde list', 'processor time', 'list'),
          row('sonde list PID', 'processor time', 'listOne'),
          row('sonde trace', 'until it is attached', 'trace'),
          row('sonde trace --engine bpftrace', 'until it is attached', 'traceByBpftrace'),
          row('sonde count', 'until it is attached', 'count'),
        ],
      },
      goals: [limit('processor time of sonde list', 'list', 250), limit('sonde trace is attached', 'trace', 300)],
    };
  } finally {
    program.end();
  }
}

/** Milliseconds of processor time, as the system counts it. */
async function costOf(parameters: readonly string[]): Promise<number> {
  const timed = ['-c', 'TIMEFORMAT="%U %S"; time "$@"', 'bash', ...UNDISTURBED, process.execPath, ...parameters];
  const { status, stderr } = spawnSync('bash', timed, { encoding: 'utf8', env: environment({}) });
  if (status !== 0) throw new Error(`${parameters.join(' ')} ended with ${status}: ${stderr}`);
  return 1000 * sum(stderr.trim().split('\n').at(-1)!.replaceAll(',', '.').split(' ').map(Number));
}

/** Milliseconds from its start. */
async function attachedAfter(folder: string, parameters: readonly string[]): Promise<number> {
  const [first, ...rest] = [...UNDISTURBED, process.execPath, SONDE, ...parameters];
  const began = performance.now();
  const tracer = new Tracer(first!, rest, join(folder, 'start.out'));
  await tracer.attached;
  const ms = performance.now() - began;
  await tracer.stop();
  return ms;
}

const figure = (values: number[], digits: number): Figure => ({ summary: summary(values), digits });
