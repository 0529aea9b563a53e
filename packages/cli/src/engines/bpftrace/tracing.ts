// Events by bpftrace, which prints each: where tracefs cannot be used.
import { randomBytes } from 'node:crypto';
import { isInPidNamespace } from '../../discovery/pid-namespace.js';
import type { Selection } from '../../discovery/select.js';
import { CommandError } from '../../error.js';
import { type Argument, BUILT_IN, type Probe } from '../../model.js';
import { quoted } from '../../output/escape.js';
import { probesText, type Question } from '../../question/question.js';
import { argumentsOf, type Condition } from '../../question/where.js';
import type { Loss, ProbeEvent, Tracing, TracingEngine, Value } from '../event.js';
import { BpftraceProcess, type BpftraceRun, bpftraceCommand, checkBpftrace } from './process.js';
import { parts, type Run, Runs, type Whom } from './runs.js';
import { type Asked, argumentText, askedOf, attachPoint, formatOf, predicate, textBytes } from './script.js';

/** For each processor: 4 MiB. Its 64 pages lose what comes at full speed. */
const BUFFER_PAGES = 1024;

/** What a processor has is older than what another one gave before, by no more than this. */
const ORDER_MS = 250;
const GIVE_MS = 50;

/** Nanoseconds from a record to its reading; what is more is another clock. */
const MOST_LATE = 1_000_000_000n;

export const bpftraceTracing: TracingEngine = {
  check: checkBpftrace,
  commands: (question) =>
    parts(question.selections, question.pids)
      .map(({ those, whom }) => bpftraceCommand(runOf(question, askedOf(those), whom, newMarks())))
      .join(''),
  start: async (question, onEvents) => {
    const tracing = new BpftraceTracing(question, onEvents);
    await tracing.start();
    return tracing;
  },
};

class BpftraceTracing implements Tracing {
  readonly failed: Promise<Error>;
  readonly remark: string;
  private readonly runs: Runs<Running>;
  private readonly onEvents: (events: ProbeEvent[]) => void;
  private timer: NodeJS.Timeout | undefined;
  private pending: ProbeEvent[] = [];

  constructor(question: Question, onEvents: (events: ProbeEvent[]) => void) {
    this.onEvents = onEvents;
    const remarks = [`with bpftrace, by which texts end after ${textLimit(question) - 1} bytes`];
    if (isInPidNamespace()) {
      const compared = question.condition ? argumentsOf(question.condition) : [];
      if (BUILT_IN.some(({ name }) => compared.includes(name)))
        throw new CommandError('missing', 'bpftrace has the pids of the machine, and this is another pid namespace');
      remarks.push('pids are those of the machine');
    }
    this.remark = remarks.join('; ');
    this.runs = new Runs(
      question,
      (those, whom) => new Running(question, those, whom, (event) => this.pending.push(event)),
    );
    this.failed = this.runs.failed;
  }

  async start(): Promise<void> {
    await this.runs.start();
    this.timer = setInterval(() => this.give(process.hrtime.bigint() - BigInt(ORDER_MS) * 1_000_000n), GIVE_MS);
  }

  async stop(): Promise<Loss> {
    clearInterval(this.timer);
    await this.runs.stop();
    this.give();
    return { noRoom: this.runs.all.reduce((sum, { lost }) => sum + lost, 0), tooLong: 0 };
  }

  /** Those until this time, in their order. */
  private give(until?: bigint): void {
    const ready = until === undefined ? this.pending : this.pending.filter(({ time }) => time < until);
    if (ready.length === 0) return;
    this.pending = until === undefined ? [] : this.pending.filter(({ time }) => time >= until);
    this.onEvents(ready.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)));
  }
}

/** What stands at the beginning and at the end of a record, and in no value. */
interface Marks {
  begin: string;
  end: string;
}

function newMarks(): Marks {
  return { begin: `<${randomBytes(6).toString('hex')}>`, end: `</${randomBytes(6).toString('hex')}>\n` };
}

/** An event is a record with its numbers, and one for each text, so that a text has all of BPF's stack. */
const NUMBERS_OF_A_TEXT = 2;

function textLimit(question: Question): number {
  return textBytes(1, NUMBERS_OF_A_TEXT, kernelCondition(question));
}

/** The condition, if bpftrace can say it; events are looked at again in any case. */
function kernelCondition({ condition, selections }: Question): Condition | undefined {
  if (!condition) return undefined;
  try {
    textBytes(1, NUMBERS_OF_A_TEXT, condition);
    for (const asked of askedOf(selections)) predicate(asked, condition, undefined);
    return condition;
  } catch {
    return undefined;
  }
}

function runOf(question: Question, asked: readonly Asked[], { pids, only }: Whom, { begin, end }: Marks): BpftraceRun {
  const record = (format: string, values: readonly string[]) =>
    `printf(${quoted(`${begin}${format}${end}`)}, ${values.join(', ')});`;
  const condition = kernelCondition(question);
  const actions = asked.map(({ probe, object }, index) => {
    const { numbers, texts } = recorded(probe, question.wanted);
    const value = ({ name }: Argument) => argumentText(probe, name, object);
    const records = [
      record(`e %d ${[index, '%llu %d %d', ...numbers.map(formatOf)].join(' ')}`, [
        ...['cpu', 'nsecs', 'pid', 'tid'],
        ...numbers.map(value),
      ]),
      ...texts.map((argument) =>
        record(`t %d ${probe.arguments.indexOf(argument)} ${argument.kind === 'bytes' ? '%rx' : '%s'}`, [
          'cpu',
          value(argument),
        ]),
      ),
    ];
    const before = `${attachPoint({ probe, object })}${predicate({ probe, object }, condition, pids)}`;
    return `${before}\n{\n  @fired = count();\n  ${records.join('\n  ')}\n}`;
  });
  // Probes are attached one after the other. When the first and the last of these have fired, all
  // between them are there. They also end it when nobody reads what it prints any more.
  const [first, last] = ['f', 'l'].map((name) => `interval:ms:200 { ${record(`${name} %llu`, ['nsecs'])} }`);
  const script = [first, ...actions, last].join('\n');
  return { script, strings: textLimit(question), pages: BUFFER_PAGES, only };
}

/** What is read of an event: numbers, and what has a record of its own. */
function recorded({ arguments: list }: Probe, wanted: readonly string[] | undefined) {
  const read = list.filter(({ kind, name }) => kind !== 'float' && (wanted?.includes(name) ?? true));
  const isText = ({ kind }: Argument) => kind === 'text' || kind === 'bytes';
  return { numbers: read.filter((argument) => !isText(argument)), texts: read.filter(isText) };
}

/** An event, until its texts are there. */
interface Open {
  event: ProbeEvent;
  texts: Argument[];
}

/** A bpftrace. */
class Running implements Run {
  readonly process: BpftraceProcess;
  readonly attached: Promise<void>;
  /** How many fired that it has not given; when it has ended. */
  lost = 0;
  private readonly question: Question;
  private readonly asked: Asked[];
  private readonly onEvent: (event: ProbeEvent) => void;
  private readonly marks = newMarks();
  /** By the processor, whose records come in their order. */
  private readonly open = new Map<string, Open>();
  private readonly beats = new Set<string>();
  private rest: Buffer = Buffer.alloc(0);
  /** From CLOCK_MONOTONIC to bpftrace's clock, which in newer ones goes on while the machine sleeps. */
  private clock = 0n;
  private given = 0;

  constructor(question: Question, selections: readonly Selection[], whom: Whom, onEvent: (event: ProbeEvent) => void) {
    this.question = question;
    this.asked = askedOf(selections);
    this.onEvent = onEvent;
    this.process = new BpftraceProcess(runOf(question, this.asked, whom, this.marks), probesText(selections));
    this.attached = new Promise((resolve, reject) => {
      this.process.ended.then((error) => reject(error));
      this.process.output.on('data', (chunk: Buffer) => {
        this.read(chunk);
        if (this.beats.size === 2) resolve();
      });
    });
    this.attached.catch(() => {});
    this.process.output.on('end', () => {
      for (const cpu of this.open.keys()) this.close(cpu);
      // It prints maps at its end.
      const [, fired = '0'] = /^@fired: (\d+)$/m.exec(this.rest.toString('latin1')) ?? [];
      this.lost = Math.max(0, Number(fired) - this.given);
    });
  }

  private read(chunk: Buffer): void {
    let data = Buffer.concat([this.rest, chunk]);
    for (;;) {
      const begin = data.indexOf(this.marks.begin);
      const end = begin === -1 ? -1 : data.indexOf(this.marks.end, begin);
      if (end === -1) break;
      this.record(data.subarray(begin + this.marks.begin.length, end));
      data = data.subarray(end + this.marks.end.length);
    }
    this.rest = data;
  }

  private record(content: Buffer): void {
    const [type, ...fields] = content.toString('latin1').split(' ') as [string, ...string[]];
    if (type === 'e') this.begin(fields as [string, ...string[]]);
    else if (type === 't')
      this.add(fields[0]!, Number(fields[1]), content.subarray(`t ${fields[0]} ${fields[1]} `.length));
    else this.beat(type, BigInt(fields[0]!));
  }

  private begin([cpu, index, time, pid, tid, ...numbers]: readonly string[]): void {
    // Records of the one before were lost.
    this.close(cpu!);
    const { probe } = this.asked[Number(index)]!;
    const read = recorded(probe, this.question.wanted);
    const event: ProbeEvent = {
      probe,
      time: BigInt(time!) - this.clock,
      pid: Number(pid),
      tid: Number(tid),
      values: probe.arguments.map((argument) => {
        const at = read.numbers.indexOf(argument);
        return at === -1 ? undefined : numberOf(numbers[at]!, argument);
      }),
    };
    this.open.set(cpu!, { event, texts: read.texts });
    if (read.texts.length === 0) this.close(cpu!);
  }

  private add(cpu: string, index: number, content: Buffer): void {
    const open = this.open.get(cpu);
    const argument = open?.event.probe.arguments[index];
    if (!open || !argument || !open.texts.includes(argument)) return;
    open.event.values[index] = argument.kind === 'bytes' ? bytesOf(content) : content.toString();
    if (argument === open.texts.at(-1)) this.close(cpu);
  }

  private close(cpu: string): void {
    const open = this.open.get(cpu);
    if (!open) return;
    this.open.delete(cpu);
    this.given++;
    this.onEvent(open.event);
  }

  private beat(name: string, now: bigint): void {
    if (this.beats.size === 0) {
      const difference = now - process.hrtime.bigint();
      if (difference > MOST_LATE || difference < -MOST_LATE) this.clock = difference;
    }
    this.beats.add(name);
  }
}

function numberOf(text: string, { kind, operand }: Argument): Value {
  const bits = 8 * (Math.abs(operand.size) || 8);
  // A pointer has 0x before it.
  const value = kind === 'signed' ? BigInt.asIntN(bits, BigInt(text)) : BigInt.asUintN(bits, BigInt(text));
  if (kind === 'boolean') return value !== 0n;
  return bits === 64 ? value : Number(value);
}

/** `\x61\x5c`, or with spaces between them. */
function bytesOf(content: Buffer): Uint8Array {
  return Buffer.from(content.toString('latin1').replace(/\\x|\s/g, ''), 'hex');
}
