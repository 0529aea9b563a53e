// Counting by bpftrace: in the kernel, so that only sums leave it.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Following } from '../../discovery/follow.js';
import { isInPidNamespace } from '../../discovery/pid-namespace.js';
import type { Selection } from '../../discovery/select.js';
import { CommandError } from '../../error.js';
import { BUILT_IN, fullName, type Probe } from '../../model.js';
import { printable } from '../../output/escape.js';
import { argumentOf } from '../../question/question.js';
import { argumentsOf } from '../../question/where.js';
import {
  type AggregateOptions,
  type AggregateQuestion,
  type Aggregating,
  Aggregation,
  NEGATIVE,
} from '../aggregation.js';
import type { Value } from '../event.js';
import { parseLine } from './output.js';
import { type Asked, countingAction, numbersOf, textBytes } from './script.js';

/**
 * Groups, and intervals of histograms; what comes after these is not counted, and that is said. The
 * kernel takes memory for all of them at once, for each probe, and in part for each processor.
 */
const MOST_KEYS = 65_536;
const MOST_KEYS_OF_MANY = 4096;

/** From the request to end to the next one: bpftrace 0.17 forgets one that comes while it prints. */
const AGAIN_MS = 3000;
/** From the first request to the end by force. */
const GRACE_MS = 20_000;

/** @throws {CommandError} if bpftrace is not there, may not trace, or cannot say it */
export async function countWithBpftrace(question: AggregateQuestion, options: AggregateOptions): Promise<Aggregating> {
  const counting = new BpftraceCounting(question, options);
  try {
    await counting.start();
  } catch (error) {
    await counting.stop();
    throw error;
  }
  return counting;
}

class BpftraceCounting implements Aggregating {
  readonly failed: Promise<Error>;
  readonly remark: string | undefined;
  private readonly question: AggregateQuestion;
  private readonly options: AggregateOptions;
  /** One for what was there at the beginning, and one for each time when more came. */
  private readonly running: Running[] = [];
  private readonly strings: number;
  private readonly keys: number;
  private fail: (error: Error) => void = () => {};
  private following: Following | undefined;
  private timer: NodeJS.Timeout | undefined;
  private given = new Aggregation();

  constructor(question: AggregateQuestion, options: AggregateOptions) {
    this.question = question;
    this.options = options;
    const probes = question.selections.flatMap((selection) => selection.probes);
    const texts = Math.max(...probes.map((probe) => question.by.filter((name) => isText(probe, name)).length));
    const numbers = Math.max(...probes.map((probe) => numbersOf(probe, question)));
    this.strings = textBytes(texts, numbers, question.condition);
    this.keys = Math.max(Math.floor(MOST_KEYS / probes.length), MOST_KEYS_OF_MANY);
    const remarks = texts > 0 ? [`texts end after ${this.strings - 1} bytes`] : [];
    if (isInPidNamespace()) {
      const compared = question.condition ? argumentsOf(question.condition) : [];
      const names = BUILT_IN.map(({ name }) => name);
      if (names.some((name) => compared.includes(name)))
        throw new CommandError('missing', 'bpftrace has the pids of the machine, and this is another pid namespace');
      if (names.some((name) => question.by.includes(name))) remarks.push('pids are those of the machine');
    }
    this.remark = remarks.length > 0 ? remarks.join('; ') : undefined;
    this.failed = new Promise((resolve) => {
      this.fail = resolve;
    });
  }

  async start(): Promise<void> {
    const { selections, pids } = this.question;
    await this.run(selections, pids);
    this.following = this.question.follow((more) => {
      // Others that have the same objects are traced already.
      const newPids = this.question.pids ? more.pids : undefined;
      const wanted =
        newPids && newPids.length > 0 ? [...this.question.selections, ...more.selections] : more.selections;
      if (wanted.length > 0) this.run(wanted, newPids).catch(() => {});
    });
    const { every, onInterval } = this.options;
    if (every === undefined) return;
    this.timer = setInterval(() => onInterval(this.takeNew()), every);
  }

  async stop(): Promise<{ rest: Aggregation; losses: string[] }> {
    clearInterval(this.timer);
    this.following?.stop();
    await Promise.all(this.running.map((each) => each.stop()));
    const isFull = this.running.some((each) => each.isFull);
    const of = this.question.value === undefined ? 'groups' : 'groups, and intervals of histograms,';
    return { rest: this.takeNew(), losses: isFull ? [`no more than ${this.keys} ${of} were counted of a probe`] : [] };
  }

  /** Traces what is there: an object may go with its process, and bpftrace then traces nothing at all. */
  private async run(selections: readonly Selection[], pids: readonly number[] | undefined): Promise<void> {
    const there = selections.filter(({ object }) => existsSync(object.path));
    if (there.length === 0) throw new CommandError('nothing', 'what has the probes is gone');
    try {
      await this.runAll(there, pids);
    } catch (error) {
      if (there.every(({ object }) => existsSync(object.path))) throw error;
      await this.run(there, pids);
    }
  }

  private async runAll(selections: readonly Selection[], pids: readonly number[] | undefined): Promise<void> {
    const { question, options } = this;
    const start = (those: readonly Selection[], whom: Whom) =>
      new Running(question, those, whom, { strings: this.strings, keys: this.keys, every: options.every });
    // It takes one process by -p, whatever number that has for the kernel, and no more than one.
    const started =
      pids && isInPidNamespace()
        ? pids.flatMap((pid) => {
            const those = selections.filter(({ object }) => object.processes.some((each) => each.pid === pid));
            return those.length === 0 ? [] : [start(those, { only: pid })];
          })
        : [start(selections, { pids })];
    this.running.push(...started);
    await Promise.all(started.map((running) => running.attached));
    for (const { ended } of started) ended.then((error) => error && this.fail(error));
  }

  /** What came since the last time: bpftrace prints what there is from its beginning on. */
  private takeNew(): Aggregation {
    const all = new Aggregation();
    for (const each of this.running) all.addAll(each.aggregation());
    const taken = all.without(this.given);
    this.given = all;
    return taken;
  }
}

/** The processes that are meant, by a condition or by an option; neither means all. */
interface Whom {
  pids?: readonly number[] | undefined;
  only?: number;
}

interface Limits {
  /** Bytes of a text. */
  strings: number;
  /** Of a map. */
  keys: number;
  /** In milliseconds, from one print to the next. */
  every: number | undefined;
}

/** A bpftrace. */
class Running {
  readonly attached: Promise<void>;
  readonly ended: Promise<Error | undefined>;
  private readonly question: AggregateQuestion;
  private readonly asked: Asked[];
  private readonly keys: number;
  private readonly child: ChildProcess;
  private readonly exit: Promise<unknown>;
  private readonly separator = randomBytes(7).readUIntBE(0, 6);
  /** By the names of its maps, `p` with the number of the probe: what was printed last. */
  private readonly maps = new Map<string, Map<string, number>>();
  private areKeysEscaped = false;
  private said = '';
  private isMissing = false;
  private isLeaving = false;

  constructor(
    question: AggregateQuestion,
    selections: readonly Selection[],
    { pids, only }: Whom,
    { strings, keys, every }: Limits,
  ) {
    this.keys = keys;
    this.question = question;
    this.asked = selections.flatMap(({ object, probes }) => probes.map((probe) => ({ object, probe })));
    const separator = BigInt(this.separator);
    const actions = this.asked.map((asked, index) => countingAction(asked, question, `p${index}`, pids, separator));
    const prints = this.asked.map((_, index) => `print(@p${index});`).join(' ');
    // Probes are attached one after the other. When the first and the last of these have fired, all
    // between them are there. They also end it when nobody reads what it prints any more.
    const first = 'interval:ms:200 { @escaped["\\""] = 1; print(@escaped); }';
    const last = 'interval:ms:200 { printf("last\\n"); }';
    const interval = every === undefined ? [] : [`interval:ms:${Math.max(1, Math.round(every))} { ${prints} }`];
    const script = [first, ...actions, ...interval, last].join('\n');
    this.child = spawn('bpftrace', ['-f', 'json', ...(only === undefined ? [] : ['-p', String(only)]), '-e', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Signals of the terminal do not reach it.
      detached: true,
      env: {
        ...process.env,
        BPFTRACE_STRLEN: String(strings),
        BPFTRACE_MAX_STRLEN: String(strings),
        BPFTRACE_MAP_KEYS_MAX: String(keys),
        BPFTRACE_MAX_MAP_KEYS: String(keys),
        BPFTRACE_MAX_PROBES: '4096',
      },
    });
    this.exit = new Promise((resolve) => {
      this.child.on('exit', resolve).on('error', (error: NodeJS.ErrnoException) => {
        this.isMissing = error.code === 'ENOENT';
        this.said = error.message;
        resolve(error);
      });
    });
    createInterface(this.child.stderr!).on('line', (line) => {
      // It says so as root, too, where it does not matter.
      if (!line.includes('RLIMIT_MEMLOCK')) this.said += `${line}\n`;
    });
    const lines = createInterface(this.child.stdout!);
    const beats = new Set<string>();
    this.attached = new Promise((resolve, reject) => {
      this.exit.then(() => reject(this.reason()));
      lines.on('line', (line) => {
        const printed = parseLine(line, this.areKeysEscaped);
        if (printed.type === 'text') beats.add(printed.text.trim());
        if (printed.type !== 'map') {
          // Of no interest.
        } else if (printed.map === 'escaped') {
          beats.add(printed.map);
          this.areKeysEscaped = !printed.counts.has('"');
        } else {
          this.maps.set(printed.map, printed.counts);
        }
        if (beats.size === 2) resolve();
      });
    });
    this.attached.catch(() => {});
    this.ended = Promise.all([this.exit, once(lines, 'close')]).then(() =>
      this.isLeaving ? undefined : this.reason(),
    );
  }

  get isFull(): boolean {
    return [...this.maps.values()].some(({ size }) => size >= this.keys);
  }

  async stop(): Promise<void> {
    this.isLeaving = true;
    this.child.kill('SIGINT');
    const again = setInterval(() => catchesInterrupts(this.child.pid) && this.child.kill('SIGINT'), AGAIN_MS);
    const late = setTimeout(() => this.child.kill('SIGKILL'), GRACE_MS);
    await this.ended;
    clearInterval(again);
    clearTimeout(late);
  }

  /** What it has counted until it printed the last time. */
  aggregation(): Aggregation {
    const aggregation = new Aggregation();
    for (const [name, counts] of this.maps) {
      const { probe } = this.asked[Number(name.slice(1))]!;
      for (const [text, count] of counts) {
        const parts = text.split(`,${this.separator},`);
        const buckets = new Map<number, number>();
        if (this.question.value !== undefined) buckets.set(this.bucketOf(Number(parts.pop()), probe), count);
        aggregation.addGroup({ probe, key: this.keyOf(parts, probe), count, sum: 0, buckets });
      }
    }
    return aggregation;
  }

  private bucketOf(digits: number, probe: Probe): number {
    const isSigned = argumentOf(probe, this.question.value!)?.kind === 'signed';
    return isSigned && digits === 64 ? NEGATIVE : digits;
  }

  private keyOf(parts: readonly string[], probe: Probe): Value[] {
    return this.question.by.map((name, index) => {
      const part = parts[index]!;
      const { kind, operand } = argumentOf(probe, name)!;
      if (kind === 'text') return part;
      // What has no sign may be printed as if it had one.
      const bits = 8 * (Math.abs(operand.size) || 8);
      const value = kind === 'signed' ? BigInt.asIntN(bits, BigInt(part)) : BigInt.asUintN(bits, BigInt(part));
      return kind === 'boolean' ? value !== 0n : bits === 64 ? value : Number(value);
    });
  }

  private reason(): CommandError {
    if (this.isMissing) return new CommandError('missing', 'bpftrace is not installed');
    const lines = this.said.trim().split('\n');
    // It may warn of much before.
    const line = lines.find((each) => /\berror: /i.test(each)) ?? lines[0]!;
    const said = printable(line.replace(/^.*?\berror: (<unknown>:\S* )?/i, ''));
    const names = this.asked.map(({ probe }) => fullName(probe));
    const what = names.length === 1 ? names[0] : `${names.length} probes`;
    if (process.getuid?.() !== 0) return new CommandError('missing', 'bpftrace needs root');
    return new CommandError('missing', `bpftrace does not trace ${what}: ${said || 'it has ended'}`);
  }
}

function isText(probe: Probe, name: string): boolean {
  return argumentOf(probe, name)?.kind === 'text';
}

function catchesInterrupts(pid: number | undefined): boolean {
  try {
    const [, lowest = '0'] = /^SigCgt:.*([0-9a-f])$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return (Number.parseInt(lowest, 16) & 0b10) !== 0;
  } catch {
    return false;
  }
}
