// Events by gdb: needs no root for one's own processes, and stops the process at each event.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as startTimer } from 'node:timers';
import { setTimeout } from 'node:timers/promises';
import type { Following } from '../../discovery/follow.js';
import { findMapped, isProbeObject } from '../../discovery/processes.js';
import type { Selection } from '../../discovery/select.js';
import { CommandError } from '../../error.js';
import { type Argument, fullName, type Mapping, type Probe, type TracedObject } from '../../model.js';
import { printable, shellWord } from '../../output/escape.js';
import type { Question } from '../../question/question.js';
import type { Loss, ProbeEvent, Tracing, TracingEngine, Value } from '../event.js';
import { checkInstalled } from '../installed.js';
import { placeOf } from '../operand-place.js';
import { BREAKPOINTS } from './breakpoints.js';
import { BreakpointWatch, type ProbePlace, placesThatAre } from './places.js';

/** It has ended: what is left to be read is there. */
const READ_MS = 2000;

/** One process that does not let it must not keep it from the others. */
const ATTACH_MS = 15_000;

/** From when gdb is asked to leave until it is made to. */
const LEAVE_MS = 5000;

export const gdb: TracingEngine = {
  check: () => checkInstalled('gdb'),
  commands: ({ selections, wanted }) =>
    processesOf(selections)
      .map((pid) => gdbCommands(pid, scriptOf(placesIn(pid, selections), wanted)))
      .join(''),
  start: async (question, onEvents) => {
    const tracing = new GdbTracing(question, onEvents);
    try {
      await tracing.start();
    } catch (error) {
      await tracing.stop();
      throw error;
    }
    return tracing;
  },
};

class GdbTracing implements Tracing {
  readonly remark = 'with gdb, which stops the process at each event';
  readonly failed: Promise<Error>;
  private readonly question: Question;
  private readonly onEvents: (events: ProbeEvent[]) => void;
  private readonly selections: Selection[];
  private readonly attached = new Map<number, Attached>();
  private fail: (error: Error) => void = () => {};
  private following: Following | undefined;

  constructor(question: Question, onEvents: (events: ProbeEvent[]) => void) {
    this.question = question;
    this.onEvents = onEvents;
    this.selections = [...question.selections];
    this.failed = new Promise((resolve) => {
      this.fail = resolve;
    });
  }

  async start(): Promise<void> {
    const pids = processesOf(this.selections);
    const attempts = await Promise.allSettled(pids.map((pid) => this.attach(pid)));
    const refused = attempts.flatMap((attempt, index) =>
      attempt.status === 'rejected' ? [{ pid: pids[index]!, error: attempt.reason as Error }] : [],
    );
    if (refused.length > 0 && refused.length === pids.length) throw refused[0]!.error;
    for (const { pid, error } of refused) {
      // Others have ended meanwhile.
      if (existsSync(`/proc/${pid}`)) process.stderr.write(`sonde: not traced: ${error.message}\n`);
    }
    this.following = this.question.follow(({ selections, pids: more }) => {
      this.selections.push(...selections);
      for (const pid of more) this.attach(pid).catch(() => {});
    });
  }

  async stop(): Promise<Loss> {
    this.following?.stop();
    await Promise.all([...this.attached.values()].map((each) => each.leave()));
    return { noRoom: 0, tooLong: 0 };
  }

  private async attach(pid: number): Promise<void> {
    if (this.attached.has(pid)) return;
    const places = placesIn(pid, this.selections);
    if (places.length === 0) return;
    // It would take what is there for the program's own code, and put that back when it leaves: by
    // then, the kernel's call to a tracer that has left leads nowhere, and ends the program.
    const [other] = placesThatAre(true, pid, places);
    if (other) {
      throw new CommandError(
        'missing',
        `gdb cannot trace process ${pid}: another tracer has ${printable(fullName(other.probe))} there; wait until that has ended, or take another engine`,
      );
    }
    const attached = new Attached(pid, places, this.question.wanted, (event) => this.onEvents([event]));
    this.attached.set(pid, attached);
    const late = setTimeout(ATTACH_MS, undefined, { ref: false }).then(() => {
      throw new CommandError('failed', `gdb does not attach to process ${pid} within ${ATTACH_MS / 1000} s`);
    });
    await Promise.race([attached.ready, late]);
    attached.ended.then((error) => {
      this.attached.delete(pid);
      // The process has ended, unless gdb says something else.
      if (this.attached.size === 0 && error) this.fail(error);
      else if (attached.hasLost && error) process.stderr.write(`sonde: not traced any more: ${error.message}\n`);
    });
  }
}

/** Nothing of anybody's configuration, and no symbols: probes are set by their addresses. */
const SETTINGS = [
  '-nx',
  ...settings(
    ...['set auto-solib-add off', 'set debuginfod enabled off', 'set pagination off'],
    // The program's signals are its own: gdb would stop it at most of them.
    ...['set confirm off', 'handle all nostop noprint pass'],
  ),
];

/** SIGINT is left out of `all`: where gdb has a terminal, Ctrl-C stops the program by it. */
const WITHOUT_TERMINAL = settings('set mi-async on', 'handle SIGINT nostop noprint pass');

function settings(...commands: string[]): string[] {
  return commands.flatMap((each) => ['-iex', each]);
}

/** In its own Python. */
function scriptOf(places: readonly ProbePlace[], wanted: readonly string[] | undefined): string {
  const question = places.map(({ probe, object, mapping }) => [
    `0x${(mapping.start + BigInt(probe.offset - mapping.fileOffset)).toString(16)}`,
    probe.arguments.map((argument, index) =>
      wanted && !wanted.includes(argument.name)
        ? null
        : describe(argument, probe.arguments[index + 1], object.architecture),
    ),
  ]);
  return `QUESTION = ${JSON.stringify(JSON.stringify(question))}\n${BREAKPOINTS}`;
}

/** The same for a shell: it prints what the script writes. */
function gdbCommands(pid: number, script: string): string {
  const file = `probes-${pid}.py`;
  const command = ['gdb', '-q', '-batch', ...SETTINGS, '-p', String(pid), '-x', file, '-ex', 'continue'];
  return `cat >${file} <<'END'\n${script}END\n${command.map(shellWord).join(' ')} 3>&1\n`;
}

/** A gdb, in one process. */
class Attached {
  readonly ready: Promise<void>;
  readonly ended: Promise<Error | undefined>;
  private readonly child: ChildProcess;
  private readonly exit: Promise<unknown>;
  /** What it said was wrong. */
  private said = '';
  private isLeaving = false;
  private watch: BreakpointWatch | undefined;
  /** Whether another tracer has taken its breakpoints. */
  hasLost = false;

  constructor(
    pid: number,
    places: readonly ProbePlace[],
    wanted: readonly string[] | undefined,
    onEvent: (event: ProbeEvent) => void,
  ) {
    const encoded = Buffer.from(scriptOf(places, wanted)).toString('base64');
    // It ends when its input does, which this process holds, and takes its breakpoints out then.
    this.child = spawn(
      'gdb',
      [
        ...['-q', '--interpreter=mi3', ...SETTINGS, ...WITHOUT_TERMINAL, '-p', String(pid)],
        ...['-ex', `python import base64; exec(base64.b64decode("${encoded}"))`],
      ],
      // Signals of the terminal do not reach it.
      { stdio: ['pipe', 'pipe', 'ignore', 'pipe'], detached: true },
    );
    this.child.stdin!.on('error', () => {});
    this.exit = new Promise((resolve) => {
      this.child.on('exit', resolve).on('error', (error: NodeJS.ErrnoException) => {
        this.said = error.code === 'ENOENT' ? 'gdb is not installed' : error.message;
        resolve(error);
      });
    });
    createInterface(this.child.stdout!).on('line', (line) => {
      const [, message] = /^(?:\^error,msg=|&)"(.*)"$/.exec(line) ?? [];
      if (message !== undefined && !this.isLeaving) this.said += `${message.replace(/\\n$/, '')} `;
    });
    const lines = createInterface(this.child.stdio[3] as Readable);
    this.ready = new Promise((resolve, reject) => {
      const refuse = () => reject(this.reason(pid));
      this.exit.then(refuse);
      lines.on('line', (line) => {
        const told = JSON.parse(line) as string | Told;
        if (told === 'not attached') refuse();
        else if (told === 'ready') {
          this.child.stdin!.write('-exec-continue --all\n');
          this.watch = new BreakpointWatch(pid, places, (probe) => this.lose(probe));
          resolve();
        } else {
          const event = this.event(pid, places, told as Told);
          this.watch?.hit(event.probe);
          onEvent(event);
        }
      });
    });
    this.exit.then(() => this.watch?.stop());
    this.ended = Promise.all([this.exit, once(lines, 'close')]).then(() =>
      this.isLeaving && !this.hasLost ? undefined : this.reason(pid),
    );
    this.ready.catch(() => {});
  }

  async leave(): Promise<void> {
    this.isLeaving = true;
    this.watch?.stop();
    this.child.stdin!.end();
    const late = startTimer(() => this.child.kill('SIGTERM'), LEAVE_MS);
    await this.exit;
    clearTimeout(late);
    // What it wrote before may not have been read yet.
    await Promise.race([this.ended, setTimeout(READ_MS, undefined, { ref: false })]);
  }

  private lose(probe: Probe): void {
    this.hasLost = true;
    this.said = `another tracer came to ${fullName(probe)}, and took gdb's breakpoint with it; events are missing`;
    void this.leave();
  }

  private event(pid: number, places: readonly ProbePlace[], [id, time, tid, told]: Told): ProbeEvent {
    const { probe } = places[id]!;
    const values = probe.arguments.map((argument, index) => readTold(told[index] ?? undefined, argument));
    return { probe, time: BigInt(time), pid, tid, values };
  }

  private reason(pid: number): CommandError {
    const why = printable(this.said.trim()) || 'the process has ended';
    const remedy = /not permitted/.test(why)
      ? '; only the same user or root may, and /proc/sys/kernel/yama/ptrace_scope has to be 0 for the user'
      : '';
    return new CommandError('missing', `gdb cannot trace process ${pid}: ${why}${remedy}`);
  }
}

/** Which probe, when, in which thread, and its arguments. */
type Told = [id: number, time: string, tid: number, values: (string | null)[]];

function describe(
  argument: Argument,
  next: Argument | undefined,
  architecture: TracedObject['architecture'],
): object | null {
  const place = placeOf(argument.operand, architecture);
  if (!place) return null;
  const { kind } = argument;
  const size = Math.abs(argument.operand.size) || 8;
  const register = 'register' in place ? { register: nameInGdb(place.register) } : {};
  const length = kind === 'bytes' && next ? describe(next, undefined, architecture) : undefined;
  return { ...place, ...register, size, kind, length };
}

/** gdb's registers have their size in their name. */
function nameInGdb(register: string): string {
  return /^([abcd]x|[sd]i|bp|ip)$/.test(register) ? `r${register}` : register;
}

function readTold(told: string | undefined, { kind, operand }: Argument): Value {
  if (told === undefined) return undefined;
  if (kind === 'text') return told;
  if (kind === 'bytes') return Buffer.from(told, 'hex');
  const bits = 8 * (Math.abs(operand.size) || 8);
  const value = kind === 'signed' ? BigInt.asIntN(bits, BigInt(told)) : BigInt.asUintN(bits, BigInt(told));
  if (kind === 'boolean') return value !== 0n;
  return bits === 64 ? value : Number(value);
}

function processesOf(selections: readonly Selection[]): number[] {
  return [...new Set(selections.flatMap(({ object }) => object.processes.map(({ pid }) => pid)))];
}

function placesIn(pid: number, selections: readonly Selection[]): ProbePlace[] {
  return selections.flatMap(({ object, probes }) => {
    const mapping = mappingOf(pid, object);
    return mapping ? probes.map((probe) => ({ probe, object, mapping })) : [];
  });
}

function mappingOf(pid: number, object: TracedObject): Mapping | undefined {
  const known = object.processes.find((each) => each.pid === pid);
  const process = known ?? findMapped(isProbeObject, [pid]).files.find(({ id }) => id === object.id)?.processes[0];
  return process?.mappings.get(object.id);
}
