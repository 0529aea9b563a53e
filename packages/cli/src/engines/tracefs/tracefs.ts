// Events through the kernel's own tracer: needs nothing installed, shows texts whole, loses nothing
// at rates that others cannot follow.
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import createDebug from 'debug';
import { readText } from '../../discovery/files.js';
import type { Following } from '../../discovery/follow.js';
import { isInPidNamespace } from '../../discovery/pid-namespace.js';
import type { Selection } from '../../discovery/select.js';
import { CommandError } from '../../error.js';
import { type Argument, fullName, type Probe, type TracedObject } from '../../model.js';
import { printable, shellWord } from '../../output/escape.js';
import type { Question } from '../../question/question.js';
import type { Loss, ProbeEvent, Tracing, TracingEngine, Value } from '../event.js';
import { Cleaner } from './cleaner.js';
import { fetchArguments } from './fetch-arguments.js';
import { kernelFilter } from './filter.js';
import { type Field, type Format, parseFormat } from './format.js';
import { PAGE_SIZE, parsePage } from './ring-buffer.js';
import { ThreadOwners } from './thread-owners.js';

const debug = createDebug('sonde:cli');

const PLACES = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/** For each processor. 4 MiB hold what comes in a second at full speed. */
const BUFFER_KIB = 4096;

/** How often the buffers are read. */
const READ_MS = 25;

/** Where tracefs is mounted, if this user may use it. @throws {CommandError} with what is missing */
export function findTracefs(): string {
  const found = PLACES.find((place) => existsSync(`${place}/uprobe_events`));
  if (found === undefined) {
    // Others than root do not see what is there.
    const isRoot = process.getuid?.() === 0;
    const why = isRoot
      ? `${PLACES[0]}/uprobe_events does not exist; mount it: mount -t tracefs nodev ${PLACES[0]}`
      : "the kernel's tracer needs root";
    throw new CommandError('missing', why);
  }
  try {
    closeSync(openSync(`${found}/uprobe_events`, 'a'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(
      'missing',
      `${found}/uprobe_events cannot be written (${code}); the kernel's tracer needs root`,
    );
  }
  return found;
}

const PANICS = '/proc/sys/kernel/panic_on_warn';

/**
 * An event whose texts have 4,092 bytes or more together makes the kernel warn, once: it would need
 * more than a page. Where a warning is to end the machine, no text of a program may be able to.
 *
 * @param panics what {@link PANICS} holds
 * @throws {CommandError} if that can happen
 */
export function checkWarning(panics: string, { selections, wanted }: Pick<Question, 'selections' | 'wanted'>): void {
  if (panics.trim() !== '1') return;
  const isText = ({ kind, name }: Argument) => kind === 'text' && (wanted?.includes(name) ?? true);
  const probe = selections.flatMap(({ probes }) => probes).find((each) => each.arguments.some(isText));
  if (!probe) return;
  throw new CommandError(
    'missing',
    `kernel.panic_on_warn is 1, and the kernel warns of long texts, which ${printable(fullName(probe))} may have; leave texts out with --fields, or use another engine`,
  );
}

export const tracefs: TracingEngine = {
  check: findTracefs,
  commands: tracefsCommands,
  start: async (question, onEvents) => new TracefsTracing(question, onEvents),
};

/** The same for a shell, without what only this process does: other threads, and values that filters cannot compare. */
function tracefsCommands(question: Question): string {
  const { selections, pids, condition, wanted } = question;
  checkWarning(readText(PANICS) ?? '', question);
  const events = selections.flatMap(({ object, probes }) => probes.map((probe) => ({ object, probe })));
  const [place] = PLACES;
  const lines = events.map(
    ({ object, probe }, index) =>
      `echo ${shellWord(`p:sonde/p${index} ${uprobe(probe, object, wanted)}`)} >>uprobe_events`,
  );
  const filters = events.flatMap(({ probe }, index) => {
    const filter = condition && kernelFilter(condition, probe);
    return filter === undefined ? [] : [`echo ${shellWord(filter)} >instances/sonde/events/sonde/p${index}/filter`];
  });
  return [
    `cd ${place}`,
    ...lines,
    'mkdir instances/sonde',
    'echo mono >instances/sonde/trace_clock',
    `echo ${BUFFER_KIB} >instances/sonde/buffer_size_kb`,
    ...(pids
      ? [`ls ${pids.map((pid) => `/proc/${pid}/task`).join(' ')} | grep '^[0-9]' >instances/sonde/set_event_pid`]
      : []),
    ...filters,
    'echo 1 >instances/sonde/events/sonde/enable',
    'timeout 10 cat instances/sonde/trace_pipe',
    'rmdir instances/sonde',
    ...events.map((_, index) => `echo -:sonde/p${index} >>uprobe_events`),
    '',
  ].join('\n');
}

/** A probe as `uprobe_events` takes it, without its name. */
function uprobe(probe: Probe, object: TracedObject, wanted: readonly string[] | undefined): string {
  const semaphore = probe.semaphore === undefined ? '' : `(0x${probe.semaphore.toString(16)})`;
  const place = `${object.path}:0x${probe.offset.toString(16)}${semaphore}`;
  return [place, ...fetchArguments(probe, object.architecture, wanted)].join(' ');
}

/** Uprobe events for some probes, from when it is made until `stop`. */
class TracefsTracing implements Tracing {
  readonly failed = new Promise<Error>(() => {});
  private readonly tracefs: string;
  private readonly id = randomBytes(4).toString('hex');
  private readonly group = `sonde_${process.pid}_${this.id}`;
  private readonly cleaner: Cleaner;
  private readonly events = new Map<number, { probe: Probe; format: Format }>();
  private readonly buffers: Buffered[] = [];
  private readonly owners = new ThreadOwners();
  private readonly question: Question;
  private readonly onEvents: (events: ProbeEvent[]) => void;
  private readonly timer: NodeJS.Timeout;
  private readonly following: Following;
  private readonly pids: Set<number> | undefined;
  private pending: (Omit<ProbeEvent, 'pid'> | NewThread)[] = [];
  /** Where the kernel tells of new threads. */
  private newTask: Format | undefined;
  /** Probes come and go one after the other: what fires before all of them are there, or when some have gone, is not given. */
  private readonly began: bigint;
  private ended: bigint | undefined;
  private count = 0;
  private received = 0;

  /** @param onEvents gets them in the order of time */
  constructor(question: Question, onEvents: (events: ProbeEvent[]) => void) {
    this.question = question;
    this.onEvents = onEvents;
    if (question.pids && isInPidNamespace()) {
      throw new CommandError('missing', 'tracefs has the pids of the machine, and this is another pid namespace');
    }
    checkWarning(readText(PANICS) ?? '', question);
    this.pids = question.pids && new Set(question.pids);
    this.tracefs = findTracefs();
    this.cleaner = new Cleaner(this.tracefs, this.group);
    try {
      mkdirSync(this.instance());
      this.write('trace_clock', 'mono');
      this.write('buffer_size_kb', String(BUFFER_KIB));
      if (question.pids) {
        // Threads and processes that these make later, too.
        this.write('options/event-fork', '1');
        this.write('set_event_pid', question.pids.flatMap(threadsOf).join(' '));
      }
      for (const name of readdirSync(`${this.instance()}/per_cpu`)) {
        this.buffers.push(new Buffered(`${this.instance()}/per_cpu/${name}`));
      }
      this.followThreads();
      this.add(question.selections);
      this.began = process.hrtime.bigint();
    } catch (error) {
      this.close();
      void this.cleaner.clean();
      throw error;
    }
    this.timer = setInterval(() => this.read(false), READ_MS);
    this.following = question.follow(({ selections, pids }) => this.addMore(selections, pids));
  }

  /**
   * Traces what it can: an object may have gone with its process meanwhile.
   *
   * @throws {CommandError} with what the kernel says, if none of it can be traced
   */
  private add(selections: readonly Selection[]): void {
    const refused: CommandError[] = [];
    for (const selection of selections) {
      try {
        this.addObject(selection);
      } catch (error) {
        const isGone = !existsSync(selection.object.path);
        const why = isGone ? 'it is gone' : `the kernel refuses it: ${this.reasonOf(error)}`;
        const refusal = new CommandError(isGone ? 'nothing' : 'failed', `${printable(selection.object.name)}: ${why}`);
        if (!isGone) process.stderr.write(`sonde: not traced: ${refusal.message}\n`);
        refused.push(refusal);
      }
    }
    if (refused.length > 0 && refused.length === selections.length) throw refused[0];
  }

  private addObject({ object, probes }: Selection): void {
    const added = probes.map((probe) => {
      // Unique beyond its group, which uprobe_profile does not tell.
      const name = `p${this.id}_${this.count++}`;
      return { probe, name, line: `p:${this.group}/${name} ${uprobe(probe, object, this.question.wanted)}\n` };
    });
    appendFileSync(`${this.tracefs}/uprobe_events`, added.map(({ line }) => line).join(''));
    const { condition } = this.question;
    for (const { probe, name } of added) {
      const folder = `events/${this.group}/${name}`;
      const format = parseFormat(readFileSync(`${this.instance()}/${folder}/format`, 'utf8'));
      this.events.set(format.id, { probe, format });
      const filter = condition && kernelFilter(condition, probe);
      if (filter === undefined) continue;
      try {
        this.write(`${folder}/filter`, filter);
      } catch {
        // What the kernel cannot say is looked at here.
      }
    }
    for (const { name } of added) this.write(`events/${this.group}/${name}/enable`, '1');
  }

  /** Threads may have ended when it is asked whose they are. */
  private followThreads(): void {
    const folder = 'events/task/task_newtask';
    if (!existsSync(`${this.instance()}/${folder}`)) return;
    this.newTask = parseFormat(readFileSync(`${this.instance()}/${folder}/format`, 'utf8'));
    this.write(`${folder}/enable`, '1');
  }

  private addMore(selections: readonly Selection[], pids: readonly number[]): void {
    try {
      if (this.pids) {
        for (const pid of pids) this.pids.add(pid);
        const threads = pids.flatMap(threadsOf);
        if (threads.length > 0) appendFileSync(`${this.instance()}/set_event_pid`, threads.join(' '));
      }
      if (selections.length > 0) this.add(selections);
    } catch (error) {
      // The process has ended meanwhile, or its object cannot be traced as the others can.
      debug('not traced: %s', (error as Error).message);
    }
  }

  async stop(): Promise<Loss> {
    clearInterval(this.timer);
    this.following.stop();
    this.ended = process.hrtime.bigint();
    this.write(`events/${this.group}/enable`, '0');
    this.read(true);
    const noRoom = this.buffers.reduce((sum, buffer) => sum + buffer.lost(), 0);
    // What a filter drops is a hit, too.
    const isCounted = !this.pids && !this.question.condition;
    const tooLong = isCounted ? Math.max(0, this.hits() - this.received - noRoom) : 0;
    this.close();
    await this.cleaner.clean();
    return { noRoom, tooLong };
  }

  /** How often the probes were hit, whether that became an event or not. */
  private hits(): number {
    const profile = readFileSync(`${this.tracefs}/uprobe_profile`, 'utf8');
    const own = new RegExp(` p${this.id}_\\d+ +(\\d+)$`, 'gm');
    return [...profile.matchAll(own)].reduce((sum, [, hits]) => sum + Number(hits), 0);
  }

  private instance(): string {
    return `${this.tracefs}/instances/${this.group}`;
  }

  private write(file: string, text: string): void {
    writeFileSync(`${this.instance()}/${file}`, text);
  }

  private close(): void {
    for (const buffer of this.buffers) buffer.close();
  }

  /**
   * Each processor has a buffer of its own. What is in one when its reading begins is older than
   * what comes into the others after that: so only what is older than the beginning is given, in the
   * order of time, and the rest waits for the next reading.
   */
  private read(isLast: boolean): void {
    const now = process.hrtime.bigint();
    for (const buffer of this.buffers) {
      for (const page of buffer.pages()) this.parse(page);
    }
    const ready = isLast ? this.pending : this.pending.filter(({ time }) => time < now);
    this.pending = isLast ? [] : this.pending.filter(({ time }) => time >= now);
    if (ready.length === 0) return;
    ready.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
    const events: ProbeEvent[] = [];
    for (const each of ready) {
      if ('thread' in each) {
        this.owners.isStarted(each.thread, each.tid);
        continue;
      }
      this.received++;
      if (each.time < this.began || (this.ended !== undefined && each.time > this.ended)) continue;
      const pid = this.owners.ownerOf(each.tid);
      // The children of a process are followed, too.
      if (!this.pids || this.pids.has(pid)) events.push({ ...each, pid });
    }
    if (events.length > 0) this.onEvents(events);
  }

  private parse(page: DataView): void {
    for (const { time, start } of parsePage(page).entries) {
      const id = page.getUint16(start, true);
      const tid = page.getInt32(start + 4, true);
      if (id === this.newTask?.id) {
        const { clone_flags, pid } = Object.fromEntries(this.newTask.fields);
        const flags = page.getBigUint64(start + clone_flags!.offset, true);
        if (flags & CLONE_THREAD) this.pending.push({ time, tid, thread: page.getInt32(start + pid!.offset, true) });
        continue;
      }
      const event = this.events.get(id);
      if (!event) continue;
      const { probe, format } = event;
      const values = probe.arguments.map((argument, index) => {
        const field = format.fields.get(`a${index}`);
        return field && readField(page, start, field, argument.kind === 'boolean');
      });
      probe.arguments.forEach(({ kind }, index) => {
        if (kind !== 'bytes') return;
        const length = Number(values[index + 1] ?? 0);
        values[index] = (values[index] as Uint8Array | undefined)?.subarray(0, length);
      });
      this.pending.push({ probe, time, tid, values });
    }
  }

  private reasonOf(error: unknown): string {
    // What it says of the last command that failed.
    const log = readFileSync(`${this.tracefs}/error_log`, 'utf8').trimEnd().split('\n').slice(-3).join('\n');
    return `${(error as NodeJS.ErrnoException).code}${log && `\n${log}`}`;
  }
}

/** A thread was started by another one of the same process. */
interface NewThread {
  time: bigint;
  /** Who started it. */
  tid: number;
  thread: number;
}

/** Of clone(2): the new task is a thread of the same process. */
const CLONE_THREAD = 0x10000n;

/** The buffer of a processor. */
class Buffered {
  private readonly folder: string;
  private readonly file: number;

  constructor(folder: string) {
    this.folder = folder;
    this.file = openSync(`${folder}/trace_pipe_raw`, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  /** What is there now. */
  *pages(): Iterable<DataView> {
    for (;;) {
      const page = Buffer.alloc(PAGE_SIZE);
      let size: number;
      try {
        size = readSync(this.file, page, 0, PAGE_SIZE, null);
      } catch (error) {
        if (['EAGAIN', 'EINTR'].includes((error as NodeJS.ErrnoException).code!)) return;
        throw error;
      }
      if (size <= 0) return;
      yield new DataView(page.buffer, page.byteOffset);
    }
  }

  lost(): number {
    const stats = readFileSync(`${this.folder}/stats`, 'utf8');
    return [...stats.matchAll(/^(?:overrun|dropped events): (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
  }

  close(): void {
    closeSync(this.file);
  }
}

function readField(page: DataView, start: number, field: Field, isBoolean: boolean): Value {
  let at = start + field.offset;
  let { size } = field;
  if (field.isElsewhere) {
    // Where, in the lower 16 bits, and how long.
    const place = page.getUint32(at, true);
    at = start + (place & 0xffff);
    size = place >>> 16;
    const text = Buffer.from(page.buffer, page.byteOffset + at, size);
    const end = text.indexOf(0);
    return text.toString('utf8', 0, end === -1 ? size : end);
  }
  if (field.isArray) return new Uint8Array(page.buffer, page.byteOffset + at, size);
  switch (size) {
    case 1:
      return isBoolean ? page.getUint8(at) !== 0 : field.isSigned ? page.getInt8(at) : page.getUint8(at);
    case 2:
      return field.isSigned ? page.getInt16(at, true) : page.getUint16(at, true);
    case 4: {
      const value = field.isSigned ? page.getInt32(at, true) : page.getUint32(at, true);
      return isBoolean ? value !== 0 : value;
    }
    default:
      return field.isSigned ? page.getBigInt64(at, true) : page.getBigUint64(at, true);
  }
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}
