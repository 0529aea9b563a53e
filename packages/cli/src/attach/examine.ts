// What must be known of a process before it is sent a signal, and why it is not sent.
import { readFileSync } from 'node:fs';
import { startOf } from '../discovery/alive.js';
import { readText } from '../discovery/files.js';
import { programSettings, settingFindings } from '../doctor/program-settings.js';
import { named } from '../doctor/tracers.js';
import { CommandError } from '../error.js';
import type { TracedProcess } from '../model.js';
import { isLoopback, ownListening } from './errand.js';
import { inspectorAddress } from './inspector-address.js';
import { handlesSignal, isNode, programListens } from './signal-handlers.js';
import { socketsAround, socketsOf } from './sockets.js';

export interface Examined {
  started: string;
  /** Where its inspector is or will be. */
  port: number;
}

export interface ExamineOptions {
  /** The signal is sent even where it cannot be told whether the program listens to it. */
  force?: boolean;
}

/**
 * Makes sure that SIGUSR1 opens the inspector of a process, and does nothing else, unless the
 * inspector is open already.
 *
 * @throws {CommandError} with the reason, and the remedy, where it is not so
 */
export function examine({ pid, uid, command }: TracedProcess, options: ExamineOptions): Examined {
  const started = startOf(pid);
  if (started === undefined) throw new CommandError('nothing', 'it has ended');
  const own = process.geteuid!();
  if (own !== 0 && own !== uid) {
    throw new CommandError(
      'missing',
      `it is a process of user ${uid}, and this is user ${own}; run sonde as root, or as user ${uid}`,
    );
  }
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  checkNode(pid);
  const tracer = Number(/^TracerPid:\s*(\d+)/m.exec(status)?.[1] ?? 0);
  if (tracer !== 0) {
    throw new CommandError(
      'failed',
      `${named(tracer)} is attached to it as a debugger, and would get the signal; let it detach first`,
    );
  }
  if (/^State:\s*[Tt]/m.test(status)) {
    throw new CommandError('failed', `it is stopped; let it go on first: kill -CONT ${pid}`);
  }
  const settings = programSettings(command, readText(`/proc/${pid}/environ`));
  const { host, port } = inspectorAddress(settings.options);
  const open = ownListening(pid).find((socket) => socket.port === port);
  if (open) {
    checkNoDebugger(pid, port);
    return { started, port };
  }
  const { options: words } = settings;
  if (words.some((word) => /^--(experimental-)?permission$/.test(word)) && !words.includes('--allow-inspector')) {
    throw new CommandError(
      'failed',
      'its permission model forbids the inspector; start it with --import @sonde/node/register and --allow-addons (docs/environments.md)',
    );
  }
  if (!handlesSignal(pid)) {
    const why = settings.options.includes('--disable-sigusr1')
      ? 'it was started with --disable-sigusr1'
      : 'Node.js does not handle SIGUSR1 in it, which would end it';
    throw new CommandError('failed', `${why}; start it with --import @sonde/node/register, or with --inspect`);
  }
  const listens = programListens(pid);
  if (listens) {
    throw new CommandError(
      'failed',
      'the program listens to SIGUSR1 itself, so the signal does not open the inspector; start it with --import @sonde/node/register, or with --inspect',
    );
  }
  if (listens === undefined && !options.force) {
    throw new CommandError(
      'missing',
      `whether the program listens to SIGUSR1 itself cannot be told: ${own === 0 ? 'the symbols of its Node.js were stripped' : 'its memory may not be read, or the symbols of its Node.js were stripped'}; ${own === 0 ? '' : 'run sonde as root, or '}give --force if you know that it does not`,
    );
  }
  if (host !== undefined && host !== 'localhost' && !isLoopback({ address: host })) {
    throw new CommandError(
      'failed',
      `its inspector would open at ${host}, where others than this machine may connect; start it without that address in --inspect-port`,
    );
  }
  return { started, port };
}

/** What keeps sonde from working in a process in any case. @throws {CommandError} with the remedy */
export function checkSettings({ pid, command }: TracedProcess): void {
  const settings = programSettings(command, readText(`/proc/${pid}/environ`));
  const backend = settings.environment?.SONDE_BACKEND;
  const requested = backend ? { backend, place: 'SONDE_BACKEND' } : undefined;
  const wrong = settingFindings(settings, requested).find(({ state }) => state === 'bad');
  if (wrong) throw new CommandError('failed', `${wrong.fact}: ${wrong.meaning}; ${wrong.remedy}`);
}

function checkNode(pid: number): void {
  let is: boolean;
  try {
    is = isNode(pid);
  } catch (error) {
    throw new CommandError(
      'missing',
      `its files may not be read (${(error as NodeJS.ErrnoException).code}); run sonde as root`,
    );
  }
  if (!is) throw new CommandError('nothing', 'it is not a Node.js process; give one that is');
}

function checkNoDebugger(pid: number, port: number): void {
  const own = socketsOf(pid);
  const connected = socketsAround(pid).filter(
    (socket) => !socket.isListening && socket.port === port && own.has(socket.inode),
  );
  if (connected.length > 0) {
    throw new CommandError('failed', `a debugger is connected to its inspector (port ${port}); disconnect it first`);
  }
}
