// The file system that holds probe objects: whether code in it may be executed.
import { realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Finding } from './finding.js';
import { type Mount, mountOf } from './mounts.js';

/**
 * Where sonde puts probe objects, the best place first (private-folder.ts in packages/native).
 *
 * @param environment of the process
 */
export function objectFolders(environment: Readonly<Record<string, string | undefined>>, uid: number): string[] {
  const { SONDE_DIR, XDG_RUNTIME_DIR, TMPDIR } = environment;
  if (SONDE_DIR) return [SONDE_DIR];
  const temporary = join((TMPDIR || '/tmp').replace(/(?<=.)\/$/, ''), `sonde-${uid}`);
  return XDG_RUNTIME_DIR ? [join(XDG_RUNTIME_DIR, 'sonde'), temporary] : [temporary];
}

/** File systems of the kernel's own. */
const PSEUDO = ['proc', 'sysfs', 'devpts', 'cgroup', 'cgroup2', 'tracefs', 'debugfs', 'securityfs'];

/**
 * @param root what leads to the files of the process: `/proc/PID/root`, or nothing for this one
 * @param mounts of the process
 */
export function folderFindings(
  folders: readonly string[],
  mounts: readonly Mount[],
  uid: number,
  root = '',
): Finding[] {
  return folders.map((folder) => folderFinding(folder, mounts, uid, root));
}

function folderFinding(folder: string, mounts: readonly Mount[], uid: number, root: string): Finding {
  const id = 'object-folder';
  const inMemory = 'objects are in memory then, so each process has to be traced by itself, and perf cannot trace them';
  const remedy = 'Set SONDE_DIR to a folder of this user on a file system that can be written, without noexec';
  if (!folder.startsWith('/')) {
    return {
      id,
      state: 'limited',
      fact: `The folder of probe objects is ${folder}`,
      meaning: 'it is relative to the working directory of each program',
      remedy: 'Set SONDE_DIR to an absolute path',
    };
  }
  const mount = mountOf(root === '' ? real(folder) : folder, mounts);
  const fact = `The folder of probe objects is ${folder}${mount ? ` (${mount.type})` : ''}`;
  if (mount && PSEUDO.includes(mount.type)) {
    return { id, state: 'limited', fact: `${fact}, where no files can be made`, meaning: inMemory, remedy };
  }
  const wrong = ['noexec', 'ro'].find((option) => mount?.options.includes(option));
  if (wrong !== undefined) {
    return {
      id,
      state: 'limited',
      fact: `${fact}, mounted ${wrong === 'ro' ? 'read-only' : wrong}`,
      meaning: inMemory,
      remedy,
    };
  }
  const stats = statsOf(`${root}${folder}`);
  if (stats && !stats.isDirectory()) {
    return { id, state: 'limited', fact: `${folder} is not a folder`, meaning: inMemory, remedy };
  }
  if (stats && stats.uid !== uid && stats.uid !== 0) {
    return { id, state: 'limited', fact: `${fact}, and belongs to user ${stats.uid}`, meaning: inMemory, remedy };
  }
  if (stats && (stats.mode & 0o022) !== 0) {
    return {
      id,
      state: 'limited',
      fact: `${fact}, and others can change it (mode ${(stats.mode & 0o7777).toString(8)})`,
      meaning: inMemory,
      remedy: `Run: chmod go-w ${folder}`,
    };
  }
  return { id, state: 'good', fact, ...(!stats && { meaning: 'the first program that defines probes makes it' }) };
}

/** Without symbolic links, as far as the path exists. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path === dirname(path) ? path : join(real(dirname(path)), basename(path));
  }
}

function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
