// The live processes that have probes, and the probes: what most subcommands begin with.
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { CommandError } from '../error.js';
import type { TracedObject, TracedProcess } from '../model.js';
import { exists } from './alive.js';
import { allPids, findMapped, isProbeObject, type MappedFile } from './processes.js';
import { readProbes } from './read-probes.js';
import type { Target } from './target.js';

export interface Probes {
  objects: TracedObject[];
  processes: TracedProcess[];
  /** How many processes could not be looked into. */
  hidden: number;
  /** Objects that could not be read, each with the reason. */
  unreadable: string[];
}

/**
 * @param target without it, every process is meant
 * @throws {CommandError} if it is the id of a process that is not there
 */
export function findProbes(target?: Target): Probes {
  if (process.platform !== 'linux') {
    throw new CommandError('missing', `processes are found through /proc, and this is ${process.platform}`);
  }
  const pid = target?.pid;
  if (pid !== undefined && !exists(pid)) throw new CommandError('nothing', `there is no process ${pid}`);
  const { files, hidden } = findMapped(isProbeObject, pid === undefined ? allPids() : [pid]);
  const found: Probes = { objects: [], processes: [], hidden, unreadable: [] };
  const met = new Set<TracedProcess>();
  for (const file of files) {
    const processes = file.processes.filter((each) => target?.isMet(each) ?? true);
    if (processes.length === 0) continue;
    try {
      found.objects.push({ ...readObject(file), processes });
    } catch (error) {
      found.unreadable.push(`${file.path}: ${(error as Error).message}`);
      continue;
    }
    for (const each of processes) met.add(each);
  }
  found.processes = [...met].sort((a, b) => a.pid - b.pid);
  return found;
}

/** @throws if it cannot be read @internal */
export function readObject(file: MappedFile): TracedObject {
  const { id, path, processes, mapFile } = file;
  const isSeen = leadsTo(path, id);
  // What leads to mappings, only root may follow.
  const [{ pid }] = processes as [TracedProcess];
  const inItsRoot = `/proc/${pid}/root${path}`;
  const content = isSeen ? path : leadsTo(inItsRoot, id) ? inItsRoot : mapFile;
  return {
    id,
    name: nameOf(path),
    path: isSeen && SAFE_PATH.test(path) ? path : mapFile,
    content,
    ...readProbes(content),
    processes,
  };
}

/**
 * Tools misread others. A path that leads to the file is better for them than a mapping, since it
 * outlives the process.
 */
const SAFE_PATH = /^[\w./+@%,=~^-]+$/;

/** Whether a path leads to a file from here: it may have been removed, or be another namespace's. */
function leadsTo(path: string, id: string): boolean {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return idOf(dev, ino) === id;
  } catch {
    return false;
  }
}

/** As /proc/PID/maps writes it: major and minor number in hexadecimal digits. */
function idOf(device: bigint, inode: bigint): string {
  // gnu_dev_major and gnu_dev_minor of glibc's <sys/sysmacros.h>.
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return `${hex(major)}:${hex(minor)}:${inode}`;
}

function hex(number: bigint): string {
  return number.toString(16).padStart(2, '0');
}

/** `smtp.so`, without the digits that stand for the definition. */
function nameOf(path: string): string {
  return basename(path.replace(/ \(deleted\)$/, '')).replace(/-[0-9a-f]{40}(?=\.so$)/, '');
}
