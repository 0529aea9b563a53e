// Counting by bpftrace: in the kernel, so that only sums leave it.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Following } from '../../discovery/follow.js';
import type { Selection } from '../../discovery/select.js';
import { CommandError } from '../../error.js';
import { type Argument, fullName } from '../../model.js';
import { printable } from '../../output/escape.js';
import { argumentOf } from '../../question/question.js';
import {
  type AggregateOptions,
  type AggregateQuestion,
  type Aggregating,
  Aggregation,
  bucketOf,
  NEGATIVE,
} from '../aggregation.js';
import type { Value } from '../event.js';
import { type Bucket, type Printed, parseLine } from './output.js';
import { type Asked, aggregateAction, textBytes } from './script.js';

/** Groups of a probe; what comes after these is not counted, and that is said. */
const MOST_KEYS = 65_536;

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
  private fail: (error: Error) => void = () => {};
  private following: Following | undefined;
  private timer: NodeJS.Timeout | undefined;
  private given = new Aggregation();

  constructor(question: AggregateQuestion, options: AggregateOptions) {
    this.question = question;
    this.options = options;
    const probes = question.selections.flatMap((selection) => selection.probes);
    this.strings = textBytes(probes, question.by);
    const hasText = probes.some((probe) => question.by.some((name) => argumentOf(probe, name)?.kind === 'text'));
    this.remark = hasText ? `texts end after ${this.strings - 1} bytes` : undefined;
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
    return { rest: this.takeNew(), losses: isFull ? [`no more than ${MOST_KEYS} groups were counted`] : [] };
  }

  private async run(selections: readonly Selection[], pids: readonly number[] | undefined): Promise<void> {
    const running = new Running(this.question, selections, pids, this.strings, this.options.every);
    this.running.push(running);
    await running.attached;
    running.ended.then((error) => error && this.fail(error));
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

/** A bpftrace. */
class Running {
  readonly attached: Promise<void>;
  readonly ended: Promise<Error | undefined>;
  private readonly question: AggregateQuestion;
  private readonly asked: Asked[];
  private readonly child: ChildProcess;
  private readonly exit: Promise<unknown>;
  private readonly separator = randomBytes(7).readUIntBE(0, 6);
  /** By their names, `p` and `u` with the number of the probe: what was printed last. */
  private readonly maps = new Map<string, Printed & { type: 'count' | 'hist' }>();
  private said = '';
  private isLeaving = false;

  constructor(
    question: AggregateQuestion,
    selections: readonly Selection[],
    pids: readonly number[] | undefined,
    strings: number,
    every: number | undefined,
  ) {
    this.question = question;
    this.asked = selections.flatMap(({ object, probes }) => probes.map((probe) => ({ object, probe })));
    const actions = this.asked.map((asked, index) =>
      aggregateAction(asked, question, `p${index}`, pids, {
        separator: BigInt(this.separator),
        upperMap: `u${index}`,
      }),
    );
    const maps = question.value === undefined ? ['p'] : ['p', 'u'];
    const prints = this.asked.flatMap((_, index) => maps.map((map) => `print(@${map}${index});`)).join(' ');
    // Probes are attached one after the other. When the first and the last of these have fired, all
    // between them are there. They also end it when nobody reads what it prints any more.
    const beat = (name: string) => `interval:ms:200 { printf("${name}\\n"); }`;
    const interval = every === undefined ? [] : [`interval:ms:${Math.max(1, Math.round(every))} { ${prints} }`];
    const script = [beat('first'), ...actions, ...interval, beat('last')].join('\n');
    this.child = spawn('bpftrace', ['-f', 'json', '-e', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Signals of the terminal do not reach it.
      detached: true,
      env: {
        ...process.env,
        BPFTRACE_STRLEN: String(strings),
        BPFTRACE_MAX_STRLEN: String(strings),
        BPFTRACE_MAP_KEYS_MAX: String(MOST_KEYS),
        BPFTRACE_MAX_MAP_KEYS: String(MOST_KEYS),
        BPFTRACE_MAX_PROBES: '4096',
      },
    });
    this.exit = new Promise((resolve) => {
      this.child.on('exit', resolve).on('error', (error: NodeJS.ErrnoException) => {
        this.said = error.code === 'ENOENT' ? 'bpftrace is not installed' : error.message;
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
        const printed = parseLine(line);
        if (printed.type === 'text') {
          beats.add(printed.text.trim());
          if (beats.size === 2) resolve();
        } else if (printed.type !== 'other') {
          this.maps.set(printed.map, printed);
        }
      });
    });
    this.attached.catch(() => {});
    this.ended = Promise.all([this.exit, once(lines, 'close')]).then(() =>
      this.isLeaving ? undefined : this.reason(),
    );
  }

  get isFull(): boolean {
    return [...this.maps.values()].some(({ values }) => values.size >= MOST_KEYS);
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
    for (const [name, printed] of this.maps) {
      const { probe } = this.asked[Number(name.slice(1))]!;
      for (const [text, value] of printed.values as Map<string, string | Bucket[]>) {
        const key = this.keyOf(text, probe.arguments);
        if (typeof value === 'string') {
          aggregation.addGroup({ probe, key, count: Number(value), sum: 0, buckets: new Map() });
          continue;
        }
        const isSigned = argumentOf(probe, this.question.value!)?.kind === 'signed';
        const numbers = value
          .filter((each) => each.count !== '0')
          .map((each) => [bucketFrom(each, name.startsWith('u'), isSigned), Number(each.count)] as const);
        const buckets = new Map(numbers);
        const count = [...buckets.values()].reduce((sum, each) => sum + each, 0);
        aggregation.addGroup({ probe, key, count, sum: 0, buckets });
      }
    }
    return aggregation;
  }

  private keyOf(text: string, list: readonly Argument[]): Value[] {
    const { by } = this.question;
    if (by.length === 0) return [];
    return text.split(`,${this.separator},`).map((part, index) => {
      const argument = list.find(({ name }) => name === by[index]);
      if (argument?.kind === 'text') return part;
      if (!argument) return Number(part);
      const bits = 8 * (Math.abs(argument.operand.size) || 8);
      const value = argument.kind === 'signed' ? BigInt.asIntN(bits, BigInt(part)) : BigInt.asUintN(bits, BigInt(part));
      return argument.kind === 'boolean' ? value !== 0n : bits === 64 ? value : Number(value);
    });
  }

  private reason(): CommandError {
    const said = printable(this.said.trim().split('\n')[0] ?? '').replace(/^.*?ERROR: /, '');
    const names = this.asked.map(({ probe }) => fullName(probe));
    const what = names.length === 1 ? names[0] : `${names.length} probes`;
    if (process.getuid?.() !== 0) return new CommandError('missing', 'bpftrace needs root');
    return new CommandError('missing', `bpftrace does not trace ${what}: ${said || 'it has ended'}`);
  }
}

/** The last bucket of 32 bits begins with a negative number in 0.17. */
function bucketFrom({ min = '0' }: Bucket, isUpper: boolean, isSigned: boolean): number {
  const bucket = Number(min) < 0 ? 32 : bucketOf(BigInt(min));
  if (!isUpper) return bucket;
  return isSigned && bucket === 32 ? NEGATIVE : bucket + 32;
}

function catchesInterrupts(pid: number | undefined): boolean {
  try {
    const [, lowest = '0'] = /^SigCgt:.*([0-9a-f])$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return (Number.parseInt(lowest, 16) & 0b10) !== 0;
  } catch {
    return false;
  }
}
