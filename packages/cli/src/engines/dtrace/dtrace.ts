// DTrace as an engine: it prints events, and counts in the kernel.
import type { Following } from '../../discovery/follow.js';
import type { Selection } from '../../discovery/select.js';
import { fullName, type Probe } from '../../model.js';
import { shellWord } from '../../output/escape.js';
import { argumentOf, type More, type Question } from '../../question/question.js';
import { argumentsOf } from '../../question/where.js';
import {
  type AggregateOptions,
  type AggregateQuestion,
  type Aggregating,
  type AggregatingEngine,
  Aggregation,
} from '../aggregation.js';
import { countEvents, eventsQuestion } from '../counting.js';
import type { Loss, ProbeEvent, Tracing, TracingEngine } from '../event.js';
import { bucketsOf, keyOf, type Printed, valuesOf } from './output.js';
import {
  ANY_PROCESS,
  checkReadable,
  countProgram,
  isSayable,
  type Placed,
  readable,
  textBytes,
  traceProgram,
} from './program.js';
import { argumentsFor, checkDtrace, newSeparator, RunningDtrace } from './running.js';

export const dtraceTracing: TracingEngine = {
  check: checkDtrace,
  commands: (question) => commandsFor(question, (placed) => programOf(question, placed, newSeparator())),
  start: async (question, onEvents) => {
    const tracing = new DtraceTracing(question, onEvents);
    await startOrStop(tracing);
    return tracing;
  },
};

/** What D cannot say of the condition is looked at here, of each event. */
export const dtraceCounting: AggregatingEngine = {
  check: checkDtrace,
  commands: (question, every) => {
    if (!isCountable(question)) return dtraceTracing.commands(eventsQuestion(question));
    return commandsFor(question, (placed) => countProgram(placed, question, every, newSeparator()));
  },
  start: async (question, options) => {
    if (!isCountable(question)) return countEvents(dtraceTracing.start, question, options);
    const counting = new DtraceCounting(question, options);
    await startOrStop(counting);
    return counting;
  },
};

/** In the kernel. @throws {CommandError} if D cannot read what is asked for */
function isCountable({ selections, by, value, condition }: AggregateQuestion): boolean {
  const probes = selections.flatMap((selection) => selection.probes);
  checkReadable(probes, [...by, ...(value === undefined ? [] : [value])]);
  return isSayable(condition, probes);
}

function programOf({ wanted, condition }: Question, placed: readonly Placed[], separator: string): string {
  return traceProgram(placed, wanted, condition, separator);
}

function commandsFor(question: Question, program: (placed: readonly Placed[]) => string): string {
  checkQuestion(question);
  return parts(question.selections, question.pids)
    .map(({ placed, held }) => `dtrace ${argumentsFor(program(placed), held).map(shellWord).join(' ')}\n`)
    .join('');
}

async function startOrStop(started: { start(): Promise<void>; stop(): Promise<unknown> }): Promise<void> {
  try {
    await started.start();
  } catch (error) {
    await started.stop();
    throw error;
  }
}

/** What tracing and counting have in common: a dtrace for what is there, and one each time when more came. */
abstract class Dtraces {
  readonly failed: Promise<Error>;
  readonly remark: string;
  protected readonly question: Question;
  protected readonly running: RunningDtrace[] = [];
  private following: Following | undefined;
  private fail: (error: Error) => void = () => {};

  constructor(question: Question) {
    this.question = question;
    const probes = question.selections.flatMap((selection) => selection.probes);
    checkQuestion(question);
    this.remark = remarkOf(question, probes);
    this.failed = new Promise((resolve) => {
      this.fail = resolve;
    });
  }

  async start(): Promise<void> {
    await this.run(this.question.selections, this.question.pids);
    this.following = this.question.follow((more) => {
      const added = this.added(more);
      if (added.length > 0) this.run(added, more.pids).catch(() => {});
    });
  }

  protected async end(): Promise<void> {
    this.following?.stop();
    await Promise.all(this.running.map((each) => each.stop()));
  }

  /** Starts one that traces these. */
  protected abstract launch(placed: readonly Placed[], held: readonly (number | string)[]): RunningDtrace;

  private async run(selections: readonly Selection[], pids: readonly number[] | undefined): Promise<void> {
    const started = parts(selections, pids).map(({ placed, held }) => this.launch(placed, held));
    this.running.push(...started);
    await Promise.all(started.map((running) => running.attached));
    for (const running of started) running.ended.then((error) => error && this.fail(error));
  }

  /** Processes that came: those that DTrace does not see by itself. */
  private added({ selections, pids }: More): Selection[] {
    const isSeen = this.question.pids === undefined;
    const all = [...this.question.selections, ...selections];
    return pids.length === 0 ? [] : all.filter(({ object }) => !isSeen || object.hasNotes);
  }
}

/** For each dtrace: one that holds processes, for their SDT notes, ends with them. */
function parts(
  selections: readonly Selection[],
  pids: readonly number[] | undefined,
): { placed: Placed[]; held: (number | string)[] }[] {
  const kinds = [true, false].map((isHeld) => selections.filter(({ object }) => object.hasNotes === isHeld));
  return kinds.flatMap((those) => {
    const placed = place(those, pids);
    if (placed.length === 0) return [];
    const held = those[0]!.object.hasNotes ? placed.flatMap(({ processes }) => processes) : [];
    return [{ placed, held: [...new Set(held)] }];
  });
}

/** @throws {CommandError} if D cannot read what the condition compares */
function checkQuestion({ selections, condition }: Question): void {
  checkReadable(
    selections.flatMap((selection) => selection.probes),
    condition ? argumentsOf(condition) : [],
  );
}

function remarkOf({ wanted, condition }: Question, probes: readonly Probe[]): string {
  const kinds = new Set(probes.flatMap((probe) => readable(probe, wanted).map(({ kind }) => kind)));
  const isWanted = ({ name }: Probe['arguments'][number]) => wanted?.includes(name) ?? true;
  const isAllRead = probes.every((probe) => readable(probe, wanted).length === probe.arguments.filter(isWanted).length);
  return [
    'with dtrace',
    ...(kinds.has('text') ? [`texts end after ${textBytes(condition) - 1} bytes`] : []),
    ...(isAllRead ? [] : ['bytes, and arguments from the eleventh on, are not read']),
  ].join('; ');
}

/**
 * Where probes are. Whatever process has a provider is meant by wildcards, which also find those that
 * start later; but SDT notes are looked for, by DTrace for Linux, only in processes that it is told.
 */
function place(selections: readonly Selection[], pids: readonly number[] | undefined): Placed[] {
  const placed = new Map<string, Placed>();
  const all = selections.flatMap(({ object, probes }) =>
    probes.map((probe) => ({ object, probe, key: keyOfProbe(probe) })),
  );
  for (const { object, probe, key } of all) {
    const known = placed.get(key) ?? { probe, processes: [] };
    placed.set(key, known);
    const isSame = all.every((each) => fullName(each.probe) !== fullName(probe) || each.key === key);
    const own = object.processes.map(({ pid }) => pid);
    // Of an object, others may have come after it was read.
    const meant = pids?.filter((pid) => object.hasNotes || own.includes(pid)) ?? own;
    const wanted = pids === undefined && isSame && !object.hasNotes ? [ANY_PROCESS] : meant;
    for (const each of wanted) if (!known.processes.includes(each)) known.processes.push(each);
  }
  return [...placed.values()].filter(({ processes }) => processes.length > 0);
}

/** The same probe may have other arguments in other processes. */
function keyOfProbe(probe: Probe): string {
  return JSON.stringify([fullName(probe), probe.arguments.map(({ name, kind, size }) => [name, kind, size])]);
}

class DtraceTracing extends Dtraces implements Tracing {
  private readonly onEvents: (events: ProbeEvent[]) => void;

  constructor(question: Question, onEvents: (events: ProbeEvent[]) => void) {
    super(question);
    this.onEvents = onEvents;
  }

  async stop(): Promise<Loss> {
    await this.end();
    const sum = (what: 'events' | 'unreadable') => this.running.reduce((total, { lost }) => total + lost[what], 0);
    return { noRoom: sum('events'), tooLong: 0, unreadable: sum('unreadable') };
  }

  protected launch(placed: readonly Placed[], held: readonly (number | string)[]): RunningDtrace {
    const { wanted } = this.question;
    const separator = newSeparator();
    const program = programOf(this.question, placed, separator);
    const ordered = new Ordered(this.onEvents);
    const running = new RunningDtrace(program, separator, held, ({ type, fields }) => {
      if (type === 'begin') ordered.begin(BigInt(fields[0]!), BigInt(fields[1]!));
      else if (type === 'beat') ordered.beat(BigInt(fields[0]!));
      else if (type === 'event') {
        const [index, time, pid, tid, ...values] = fields;
        const { probe } = placed[Number(index)]!;
        ordered.add({
          probe,
          time: BigInt(time!),
          pid: Number(pid),
          tid: Number(tid),
          values: valuesOf(probe, wanted, values),
        });
      }
    });
    running.ended.then(() => ordered.end());
    return running;
  }
}

/**
 * Events in the order of time. What processors have recorded is read in turn, so that what is older may
 * come later; but no later than the beat after the next, since it looks more often than that.
 */
class Ordered {
  private readonly onEvents: (events: ProbeEvent[]) => void;
  private waiting: ProbeEvent[] = [];
  private beats: bigint[] = [];
  /** From its clock to the one of events here. */
  private offset = 0n;

  constructor(onEvents: (events: ProbeEvent[]) => void) {
    this.onEvents = onEvents;
  }

  /** @param clock its own, and the time of day, at once */
  begin(clock: bigint, timeOfDay: bigint): void {
    const now = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
    this.offset = timeOfDay - clock - (now - process.hrtime.bigint());
  }

  add(event: ProbeEvent): void {
    this.waiting.push(event);
  }

  beat(time: bigint): void {
    this.beats.push(time);
    if (this.beats.length > 2) this.give(this.beats.shift()!);
  }

  end(): void {
    this.give(undefined);
  }

  private give(until: bigint | undefined): void {
    const isDue = ({ time }: ProbeEvent) => until === undefined || time <= until;
    const due = this.waiting.filter(isDue);
    if (due.length === 0) return;
    this.waiting = this.waiting.filter((event) => !isDue(event));
    due.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
    this.onEvents(due.map((event) => ({ ...event, time: event.time + this.offset })));
  }
}

class DtraceCounting extends Dtraces implements Aggregating {
  private readonly asked: AggregateQuestion;
  private readonly options: AggregateOptions;
  /** What each dtrace has counted until it printed the last time, by probe and key. */
  private readonly counted: Map<string, () => Aggregation>[] = [];
  private given = new Aggregation();
  private timer: NodeJS.Timeout | undefined;

  constructor(question: AggregateQuestion, options: AggregateOptions) {
    super(question);
    this.asked = question;
    this.options = options;
  }

  override async start(): Promise<void> {
    await super.start();
    const { every, onInterval } = this.options;
    if (every !== undefined) this.timer = setInterval(() => onInterval(this.takeNew()), every);
  }

  async stop(): Promise<{ rest: Aggregation; losses: string[] }> {
    clearInterval(this.timer);
    await this.end();
    const sum = (what: 'events' | 'counts' | 'unreadable') =>
      this.running.reduce((total, { lost }) => total + lost[what], 0);
    const [counts, unreadable] = [sum('counts') + sum('events'), sum('unreadable')];
    const losses = [
      ...(counts > 0 ? [`${counts} events were not counted: there were more groups than the kernel has room for`] : []),
      ...(unreadable > 0 ? [`${unreadable} events were not counted: an argument of theirs could not be read`] : []),
    ];
    return { rest: this.takeNew(), losses };
  }

  protected launch(placed: readonly Placed[], held: readonly (number | string)[]): RunningDtrace {
    const separator = newSeparator();
    const program = countProgram(placed, this.asked, this.options.every, separator);
    const counted = new Map<string, () => Aggregation>();
    this.counted.push(counted);
    return new RunningDtrace(program, separator, held, (record) => this.take(record, placed, counted));
  }

  /** A count or a histogram: what is printed later of the same takes its place. */
  private take({ type, fields }: Printed, placed: readonly Placed[], counted: Map<string, () => Aggregation>): void {
    if (type !== 'count') return;
    const [index, ...parts] = fields;
    const printed = parts.pop()!;
    counted.set(JSON.stringify([index, parts]), () => {
      const { probe } = placed[Number(index)]!;
      const { by, value } = this.asked;
      const aggregation = new Aggregation();
      const group = { probe, key: keyOf(probe, by, parts), count: 0, sum: 0, buckets: new Map<number, number>() };
      if (value === undefined) group.count = Number(printed);
      else {
        group.buckets = bucketsOf(printed, argumentOf(probe, value)!);
        group.count = [...group.buckets.values()].reduce((sum, count) => sum + count, 0);
      }
      aggregation.addGroup(group);
      return aggregation;
    });
  }

  /** What came since the last time. */
  private takeNew(): Aggregation {
    const all = new Aggregation();
    for (const each of this.counted) for (const read of each.values()) all.addAll(read());
    const taken = all.without(this.given);
    this.given = all;
    return taken;
  }
}
