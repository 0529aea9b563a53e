// Counting by bpftrace: in the kernel, so that only sums leave it.
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { isInPidNamespace } from '../../discovery/pid-namespace.js';
import type { Selection } from '../../discovery/select.js';
import { CommandError } from '../../error.js';
import { BUILT_IN, type Probe } from '../../model.js';
import { argumentOf, probesText } from '../../question/question.js';
import { argumentsOf } from '../../question/where.js';
import {
  type AggregateOptions,
  type AggregateQuestion,
  type Aggregating,
  type AggregatingEngine,
  Aggregation,
  NEGATIVE,
} from '../aggregation.js';
import type { Value } from '../event.js';
import { parseLine } from './output.js';
import { BpftraceProcess, type BpftraceRun, bpftraceCommand, checkBpftrace } from './process.js';
import { parts, type Run, Runs, type Whom } from './runs.js';
import { type Asked, askedOf, countingAction, numbersOf, textBytes } from './script.js';

/**
 * Groups, and intervals of histograms; what comes after these is not counted, and that is said. The
 * kernel takes memory for all of them at once, for each probe, and in part for each processor.
 */
const MOST_KEYS = 65_536;
const MOST_KEYS_OF_MANY = 4096;

export const bpftraceCounting: AggregatingEngine = {
  check: checkBpftrace,
  commands: (question, every) => {
    const limits = { ...limitsOf(question), every };
    return parts(question.selections, question.pids)
      .map(({ those, whom }) => bpftraceCommand(runOf(question, askedOf(those), whom, limits, newSeparator())))
      .join('');
  },
  start: async (question, options) => {
    const counting = new BpftraceCounting(question, options);
    await counting.start();
    return counting;
  },
};

class BpftraceCounting implements Aggregating {
  readonly failed: Promise<Error>;
  readonly remark: string | undefined;
  private readonly question: AggregateQuestion;
  private readonly options: AggregateOptions;
  private readonly runs: Runs<Running>;
  private readonly limits: Limits;
  private timer: NodeJS.Timeout | undefined;
  private given = new Aggregation();

  constructor(question: AggregateQuestion, options: AggregateOptions) {
    this.question = question;
    this.options = options;
    this.limits = { ...limitsOf(question), every: options.every };
    const isCut = textsIn(question) > 0;
    const remarks = isCut ? [`texts end after ${this.limits.strings - 1} bytes`] : [];
    if (isInPidNamespace()) {
      const compared = question.condition ? argumentsOf(question.condition) : [];
      const names = BUILT_IN.map(({ name }) => name);
      if (names.some((name) => compared.includes(name)))
        throw new CommandError('missing', 'bpftrace has the pids of the machine, and this is another pid namespace');
      if (names.some((name) => question.by.includes(name))) remarks.push('pids are those of the machine');
    }
    this.remark = remarks.length > 0 ? remarks.join('; ') : undefined;
    this.runs = new Runs(question, (those, whom) => new Running(question, those, whom, this.limits));
    this.failed = this.runs.failed;
  }

  async start(): Promise<void> {
    await this.runs.start();
    const { every, onInterval } = this.options;
    if (every === undefined) return;
    this.timer = setInterval(() => onInterval(this.takeNew()), every);
  }

  async stop(): Promise<{ rest: Aggregation; losses: string[] }> {
    clearInterval(this.timer);
    await this.runs.stop();
    const isFull = this.runs.all.some((each) => each.isFull);
    const of = this.question.value === undefined ? 'groups' : 'groups, and intervals of histograms,';
    return {
      rest: this.takeNew(),
      losses: isFull ? [`no more than ${this.limits.keys} ${of} were counted of a probe`] : [],
    };
  }

  /** What came since the last time: bpftrace prints what there is from its beginning on. */
  private takeNew(): Aggregation {
    const all = new Aggregation();
    for (const each of this.runs.all) all.addAll(each.aggregation());
    const taken = all.without(this.given);
    this.given = all;
    return taken;
  }
}

interface Limits {
  /** Bytes of a text. */
  strings: number;
  /** Of a map. */
  keys: number;
  /** In milliseconds, from one print to the next. */
  every: number | undefined;
}

/** @throws {CommandError} if there are too many texts and numbers */
function limitsOf(question: AggregateQuestion): Omit<Limits, 'every'> {
  const probes = question.selections.flatMap((selection) => selection.probes);
  const numbers = Math.max(...probes.map((probe) => numbersOf(probe, question)));
  return {
    strings: textBytes(textsIn(question), numbers, question.condition),
    keys: Math.max(Math.floor(MOST_KEYS / probes.length), MOST_KEYS_OF_MANY),
  };
}

function textsIn({ selections, by }: AggregateQuestion): number {
  const probes = selections.flatMap((selection) => selection.probes);
  return Math.max(...probes.map((probe) => by.filter((name) => argumentOf(probe, name)?.kind === 'text').length));
}

/** What stands between two keys, and in no value. */
function newSeparator(): number {
  return randomBytes(7).readUIntBE(0, 6);
}

function runOf(
  question: AggregateQuestion,
  asked: readonly Asked[],
  { pids, only }: Whom,
  { strings, keys, every }: Limits,
  separator: number,
): BpftraceRun {
  const actions = asked.map((each, index) => countingAction(each, question, `p${index}`, pids, BigInt(separator)));
  const prints = asked.map((_, index) => `print(@p${index});`).join(' ');
  // Probes are attached one after the other. When the first and the last of these have fired, all
  // between them are there. They also end it when nobody reads what it prints any more.
  const first = 'interval:ms:200 { @escaped["\\""] = 1; print(@escaped); }';
  const last = 'interval:ms:200 { printf("last\\n"); }';
  const interval = every === undefined ? [] : [`interval:ms:${Math.max(1, Math.round(every))} { ${prints} }`];
  return { script: [first, ...actions, ...interval, last].join('\n'), strings, keys, only, format: 'json' };
}

/** A bpftrace. */
class Running implements Run {
  readonly process: BpftraceProcess;
  readonly attached: Promise<void>;
  private readonly question: AggregateQuestion;
  private readonly asked: Asked[];
  private readonly keys: number;
  private readonly separator = newSeparator();
  /** By the names of its maps, `p` with the number of the probe: what was printed last. */
  private readonly maps = new Map<string, Map<string, number>>();
  private areKeysEscaped = false;

  constructor(question: AggregateQuestion, selections: readonly Selection[], whom: Whom, limits: Limits) {
    this.keys = limits.keys;
    this.question = question;
    this.asked = askedOf(selections);
    this.process = new BpftraceProcess(
      runOf(question, this.asked, whom, limits, this.separator),
      probesText(selections),
    );
    const lines = createInterface(this.process.output);
    const beats = new Set<string>();
    this.attached = new Promise((resolve, reject) => {
      this.process.ended.then((error) => reject(error));
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
  }

  get isFull(): boolean {
    return [...this.maps.values()].some(({ size }) => size >= this.keys);
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
}
