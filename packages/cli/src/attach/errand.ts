// What `sonde attach` and `sonde detach` do at a process, in a process of their own: it goes to the
// end whatever becomes of the command, and does not leave before the inspector is closed that it
// has opened. It is in the network namespace of the other process.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, parentOf, startOf } from '../discovery/alive.js';
import { readText } from '../discovery/files.js';
import { allPids, commandOf } from '../discovery/processes.js';
import { programSettings } from '../doctor/program-settings.js';
import { type Files, filesFor } from './files.js';
import {
  closeExpression,
  type Detached,
  detachExpression,
  endExpression,
  isPrimaryExpression,
  type Loaded,
  loadExpression,
  type WatchRequest,
} from './in-target.js';
import { Inspector } from './inspector.js';
import { inspectorAddress } from './inspector-address.js';
import { ownerOf, type Socket, socketsAround, socketsOf } from './sockets.js';

export interface Errand {
  what: 'load' | 'detach' | 'close';
  pid: number;
  /** When the process started, since its number may be another one's by now. */
  started: string;
  /** Where its inspector is, or will be. */
  port: number;
  /** Functions that it is to watch, once it has what that needs. */
  watch?: WatchRequest;
  /** Sockets by which it took connections before the signal. */
  known?: string[];
}

/** What is reported, a line of JSON each. */
export type Report =
  /** From now on, the inspector may be open. */
  | { kind: 'opening'; known: string[] }
  | {
      kind: 'done';
      main: Loaded | Detached;
      /** By their ids; null for those that did not answer. */
      workers: Record<string, Loaded | Detached | null>;
      address: string;
      /** It was open before, and stays open. */
      wasOpen: boolean;
      /** The version that this command has. */
      brings?: string;
      /** Whether it has an addon for V8 of that version of Node.js. */
      hasAddon?: boolean;
      /** Of a cluster. */
      isPrimary: boolean;
      openMs: number;
    }
  | { kind: 'failed'; reason: 'port' | 'closed' | 'busy' | 'other'; message?: string; portOwner?: number };

/** How long the port may be taken, by another one of these for example. */
const PORT_PATIENCE_MS = 2000;
/** How long it may take until the inspector is open, and until it is closed. */
const OPEN_PATIENCE_MS = 2000;
/** How long the thread may be busy before it does what it is asked for. */
const TURN_PATIENCE_MS = 3000;
/** Shorter than what in-target.ts lets the inspector be open. */
const WORKERS_PATIENCE_MS = 500;
/** Workers of a cluster open theirs when the primary does, if its port is free by then. */
const CHILDREN_PATIENCE_MS = 1000;
const LOOK_MS = 4;

export async function runErrand(errand: Errand, report: (report: Report) => void): Promise<void> {
  const { pid, port, what, watch } = errand;
  const before = ownListening(pid);
  if (what === 'close') {
    await closeWhenOpen(errand, new Set(errand.known));
    return;
  }
  const open = before.find((socket) => socket.port === port);
  let files: Files | undefined;
  try {
    const owner = open ? undefined : await portOwner(errand);
    if (owner !== undefined) {
      report({ kind: 'failed', reason: 'port', portOwner: owner });
      return;
    }
    files = what === 'load' ? filesFor(pid) : undefined;
    const result = open
      ? await carryOut(open, files, watch, true)
      : await openAndCarryOut(errand, files, before, report);
    if (result.kind === 'done' && result.main.state === 'loaded') files = undefined;
    report(result);
    if (result.kind === 'failed' && result.reason === 'closed') await closeWhenOpen(errand, inodesOf(before));
  } catch (error) {
    report({ kind: 'failed', reason: 'other', message: (error as Error).message });
  } finally {
    files?.copy?.remove();
  }
}

async function openAndCarryOut(
  errand: Errand,
  files: Files | undefined,
  before: readonly Socket[],
  report: (report: Report) => void,
): Promise<Report> {
  const { pid, port, watch } = errand;
  const children = new Map(descendants(pid).map((child) => [child, inodesOf(ownListening(child))]));
  const known = inodesOf(before);
  report({ kind: 'opening', known: [...known] });
  process.kill(pid, 'SIGUSR1');
  const opened = await until(OPEN_PATIENCE_MS, () => newInspector(pid, port, known));
  if (!opened) return { kind: 'failed', reason: 'closed' };
  const began = performance.now();
  let isPrimary = true;
  try {
    const result = await carryOut(opened, files, watch, false);
    isPrimary = result.isPrimary;
    await close(errand, opened);
    return { ...result, openMs: performance.now() - began };
  } catch (error) {
    await close(errand, opened, 0);
    if (error === BUSY) return { kind: 'failed', reason: 'busy' };
    throw error;
  } finally {
    if (isPrimary) await closeThoseOf(children);
  }
}

async function carryOut(
  socket: Socket,
  files: Files | undefined,
  watch: WatchRequest | undefined,
  wasOpen: boolean,
): Promise<Report & { kind: 'done' }> {
  const inMain = files ? loadExpression(files.request, watch, !wasOpen) : detachExpression(!wasOpen);
  const inWorkers = files ? loadExpression(files.request, undefined, false) : detachExpression(false);
  const inspector = await Inspector.connect(socket);
  try {
    const answer = inspector.evaluate(inMain) as Promise<Loaded | Detached>;
    const main = await Promise.race([answer, late()]);
    const isThere = main.state === 'loaded' || main.state === 'there' || main.state === 'detached';
    const workers = isThere ? await inspector.evaluateInWorkers(inWorkers, WORKERS_PATIENCE_MS) : new Map();
    const isPrimary = Boolean(await inspector.evaluate(isPrimaryExpression()));
    if (!wasOpen) await inspector.evaluate(endExpression());
    await inspector.end(wasOpen ? 0 : OPEN_PATIENCE_MS);
    return {
      kind: 'done',
      main,
      workers: Object.fromEntries([...workers].map(([id, result]) => [id, result ?? null])),
      address: `${socket.address}:${socket.port}`,
      wasOpen,
      ...(files && { brings: files.request.version }),
      ...(files && 'abi' in main && { hasAddon: files.hasAddonFor(main.abi!) }),
      isPrimary,
      openMs: 0,
    };
  } catch (error) {
    if (!wasOpen) inspector.evaluate(closeExpression()).catch(() => {});
    await inspector.end(wasOpen ? 0 : OPEN_PATIENCE_MS);
    throw error;
  }
}

const BUSY = new Error('its main thread is busy');

async function late(): Promise<never> {
  await sleep(TURN_PATIENCE_MS, undefined, { ref: false });
  throw BUSY;
}

/** Waits until a process has closed its inspector, as it is to do by itself, and sees to it. */
async function close(
  { pid, started }: Pick<Errand, 'pid' | 'started'>,
  { inode, address, port }: Socket,
  firstPatienceMs = OPEN_PATIENCE_MS,
): Promise<void> {
  const isOpen = () => isAlive({ pid, started }) && ownListening(pid).some((socket) => socket.inode === inode);
  for (let patience = firstPatienceMs; await until(patience, isOpen, false); patience = 100) {
    try {
      const inspector = await Inspector.connect({ address, port });
      // It ends the connection, and may not answer.
      inspector.evaluate(closeExpression()).catch(() => {});
      await inspector.end(OPEN_PATIENCE_MS);
    } catch {
      // It was closed meanwhile.
    }
  }
}

/**
 * A thread that runs no JavaScript opens the inspector when it does again, however long ago the
 * signal was; unless it has turned since.
 */
async function closeWhenOpen(errand: Errand, known: ReadonlySet<string>): Promise<void> {
  const { pid, port } = errand;
  let idle = 0;
  for (let delay = 20; isAlive(errand); delay = Math.min(1000, 2 * delay)) {
    const found = newInspector(pid, port, known);
    if (found) return close(errand, found, 0);
    // A thread that waits for a child process (execSync) waits for events as well, but not for ours.
    idle = waitsForEvents(pid) && descendants(pid).length === 0 ? idle + delay : 0;
    if (idle > IDLE_MS) return;
    await sleep(delay);
  }
}

/** A thread that waited for events so long has turned. */
const IDLE_MS = 1000;

/**
 * The primary of a cluster sends its workers the signal, too, when its inspector opens.
 *
 * @param children with the sockets that they had
 */
async function closeThoseOf(children: ReadonlyMap<number, ReadonlySet<string>>): Promise<void> {
  const closing = [...children].map(async ([pid, known]) => {
    const { port } = inspectorAddress(programSettings(commandOf(pid), readText(`/proc/${pid}/environ`)).options);
    const opened = await until(CHILDREN_PATIENCE_MS, () => newInspector(pid, port, known));
    const started = startOf(pid);
    if (opened && started !== undefined) await close({ pid, started }, opened, 0);
  });
  await Promise.all(closing);
}

/** The inspector of a process that was not there before; at its own port, unless that is 0. */
function newInspector(pid: number, port: number, known: ReadonlySet<string>): Socket | undefined {
  const added = ownListening(pid).filter(({ inode }) => !known.has(inode));
  return port === 0 ? added.find(isLoopback) : added.find((socket) => socket.port === port);
}

export function isLoopback({ address }: Pick<Socket, 'address'>): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** The sockets by which a process takes connections; none where that may not be seen. */
export function ownListening(pid: number): Socket[] {
  const listening = socketsAround(pid).filter(({ isListening }) => isListening);
  if (listening.length === 0) return [];
  try {
    const own = socketsOf(pid);
    return listening.filter(({ inode }) => own.has(inode));
  } catch {
    return [];
  }
}

/** @returns who has the port; nothing if nobody has; 0 if that is not known */
async function portOwner({ pid, port }: Errand): Promise<number | undefined> {
  if (port === 0) return undefined;
  const taken = () => socketsAround(pid).find((socket) => socket.isListening && socket.port === port);
  const socket = await until(PORT_PATIENCE_MS, taken, false);
  return socket && (ownerOf(socket) ?? 0);
}

/** Looks until there is something, or until there is nothing any more; what there is in the end. */
async function until<Result>(patienceMs: number, look: () => Result, isWanted = true): Promise<Result> {
  const end = performance.now() + patienceMs;
  for (let delay = LOOK_MS; ; delay = Math.min(50, delay * 1.1)) {
    const result = look();
    if (Boolean(result) === isWanted || performance.now() > end) return result;
    await sleep(delay);
  }
}

const inodesOf = (sockets: readonly Socket[]) => new Set(sockets.map(({ inode }) => inode));

/** Processes that a process has started, and those that they have. */
function descendants(pid: number): number[] {
  const parents = new Map(allPids().map((each) => [each, parentOf(each)]));
  const found = new Set([pid]);
  for (let size = 0; size < found.size; ) {
    size = found.size;
    for (const [each, parent] of parents) if (found.has(parent)) found.add(each);
  }
  found.delete(pid);
  return [...found];
}

/** Whether the main thread waits for events, as the kernel tells its own function. */
function waitsForEvents(pid: number): boolean {
  try {
    return /epoll|ep_poll/.test(readFileSync(`/proc/${pid}/wchan`, 'latin1'));
  } catch {
    return false;
  }
}
