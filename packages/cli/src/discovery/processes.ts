// The processes of this system that have probe objects mapped, as /proc shows them: other users',
// those in other namespaces and containers, and objects that only lie in memory, too.
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import type { Mapping, TracedProcess } from '../model.js';

/** A mapped file, before it was read. */
export interface MappedFile {
  /** Device and inode. */
  id: string;
  /** As /proc/PID/maps shows it. */
  path: string;
  /** Where some process has it mapped: `/proc/PID/map_files/RANGE` leads to it wherever it is. */
  mapFile: string;
  processes: TracedProcess[];
}

export interface Found {
  files: MappedFile[];
  /** How many processes could not be looked into, which only their user and root may. */
  hidden: number;
}

/** Which files are wanted, by how /proc/PID/maps shows them. */
export type IsWanted = (path: string) => boolean;

/** `smtp-<40 hexadecimal digits>.so`, as a file or in memory, also after it was removed. */
export const isProbeObject: IsWanted = (path) => /-[0-9a-f]{40}\.so(?: \(deleted\))?$/.test(path);

/** @param pids only these */
export function findMapped(isWanted: IsWanted, pids: readonly number[] = allPids()): Found {
  const files = new Map<string, MappedFile>();
  let hidden = 0;
  for (const pid of pids) {
    let maps: string;
    try {
      maps = readFileSync(`/proc/${pid}/maps`, 'latin1');
    } catch (error) {
      // Otherwise it has ended.
      if (['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code!)) hidden++;
      continue;
    }
    const mapped = [...mappedFiles(maps)].filter(({ path }) => isWanted(path));
    if (mapped.length === 0) continue;
    const process = describeProcess(pid);
    if (!process) continue;
    for (const { id, path, range, mapping } of mapped) {
      process.mappings.set(id, mapping);
      const file = files.get(id) ?? { id, path, mapFile: `/proc/${pid}/map_files/${range}`, processes: [] };
      files.set(id, file);
      if (!file.processes.includes(process)) file.processes.push(process);
    }
  }
  return { files: [...files.values()], hidden };
}

export function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Its command and arguments; nothing if it has ended or is one of the kernel's own. */
export function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '').split('\0');
  } catch {
    return [];
  }
}

/** The parts of files from which a process runs code. */
function* mappedFiles(maps: string): Iterable<{ id: string; path: string; range: string; mapping: Mapping }> {
  // proc_pid_maps(5). Newlines in a path are escaped.
  for (const [, start, end, offset, device, inode, path] of maps.matchAll(
    /^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+) +(\/.*)$/gm,
  )) {
    yield {
      id: `${device}:${inode}`,
      // UTF-8 that was read byte by byte.
      path: Buffer.from(path!, 'latin1').toString().replaceAll('\\012', '\n'),
      range: `${start}-${end}`,
      mapping: { start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), fileOffset: Number.parseInt(offset!, 16) },
    };
  }
}

/** What is known of a process from outside, without what it has mapped; nothing if it has ended. */
export function describeProcess(pid: number): TracedProcess | undefined {
  try {
    return {
      pid,
      command: commandOf(pid),
      uid: statSync(`/proc/${pid}`).uid,
      container: containerOf(pid),
      mappings: new Map(),
    };
  } catch {
    return undefined;
  }
}

/**
 * A name for where a process is, if that is not where this one is: the id of its container, as
 * Docker, containerd, CRI-O and Podman put it into the path of its cgroup, else its host's name.
 */
function containerOf(pid: number): string | undefined {
  try {
    if (['mnt', 'pid'].every((name) => namespaceOf(pid, name) === namespaceOf('self', name))) return undefined;
    const [, id] = /[/-]([0-9a-f]{64})\b/.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8')) ?? [];
    return id?.slice(0, 12) ?? hostNameOf(pid) ?? 'another namespace';
  } catch {
    return undefined;
  }
}

/** Docker writes the container's id there, Kubernetes the pod's name. */
function hostNameOf(pid: number): string | undefined {
  try {
    if (namespaceOf(pid, 'uts') === namespaceOf('self', 'uts')) return undefined;
    return readFileSync(`/proc/${pid}/root/etc/hostname`, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

function namespaceOf(pid: number | 'self', name: string): string {
  return readlinkSync(`/proc/${pid}/ns/${name}`);
}
