// Where the process that is attached to finds the files of @sonde/node: where this command has them,
// or, if it does not see them there or may not read them, in a copy in its own file system.
import { existsSync, readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CommandError } from '../error.js';
import { type Copy, copyFor } from './copy.js';
import type { LoadRequest } from './in-target.js';

/** A package that is needed there. */
export interface Package {
  name: string;
  folder: string;
}

export interface Files {
  request: LoadRequest;
  /** Whether there is an addon for V8 of these versions: NODE_MODULE_VERSION. */
  hasAddonFor(abi: string): boolean;
  /** If there is one. */
  copy: Copy | undefined;
}

/** @throws {CommandError} if the process cannot have them */
export function filesFor(pid: number): Files {
  const [own, native] = ownPackages();
  const { version } = JSON.parse(readFileSync(join(own.folder, 'package.json'), 'utf8'));
  const rights = rightsOf(pid);
  if ([own, native].every(({ folder }) => isSeen(pid, join(folder, 'package.json'), rights))) {
    return { request: { folder: own.folder, version, isOwn: false }, hasAddonFor, copy: undefined };
  }
  const copy = copyFor(pid, rights, [own, native]);
  return { request: { folder: `${copy.path}/node_modules/${own.name}`, version, isOwn: true }, hasAddonFor, copy };

  function hasAddonFor(abi: string): boolean {
    // What was compiled here is for this Node.js.
    if (abi === process.versions.modules && existsSync(join(own.folder, 'addon/build/Release'))) return true;
    const prebuilt = join(own.folder, 'addon/prebuilds', `${process.platform}-${process.arch}`);
    return existsSync(prebuilt) && readdirSync(prebuilt).some((name) => name.includes(`.abi${abi}.`));
  }
}

function ownPackages(): [Package, Package] {
  try {
    const own = packageFor('@sonde/node', import.meta.url);
    return [own, packageFor('@sonde/native', join(own.folder, 'package.json'))];
  } catch {
    throw new CommandError('missing', '@sonde/node is not installed with this command; install @sonde/cli again');
  }
}

function packageFor(name: string, from: string): Package {
  return { name, folder: dirname(createRequire(from).resolve(`${name}/package.json`)) };
}

/** As whom a process opens files. */
export interface Rights {
  uid: number;
  gid: number;
  gids: ReadonlySet<number>;
}

function rightsOf(pid: number): Rights {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const numbers = (name: string) =>
    new RegExp(`^${name}:(.*)$`, 'm').exec(status)![1]!.trim().split(/\s+/).filter(Boolean).map(Number);
  // Real, effective, saved and of the file system, in this order.
  const [uid, gid] = [numbers('Uid')[3]!, numbers('Gid')[3]!];
  return { uid, gid, gids: new Set([gid, ...numbers('Groups')]) };
}

export const READ = 4;
export const WRITE = 2;
const SEARCH = 1;

/** Without access control lists, which may allow more. */
export function may({ uid, gids }: Rights, { mode, uid: owner, gid }: Stats, wanted: number): boolean {
  if (uid === 0) return true;
  const bits = uid === owner ? mode >> 6 : gids.has(gid) ? mode >> 3 : mode;
  return (bits & wanted) === wanted;
}

/** Whether a process sees the same file by the same path, and may read it. */
function isSeen(pid: number, path: string, rights: Rights): boolean {
  try {
    const [here, there] = [statSync(path), statSync(`/proc/${pid}/root${path}`)];
    if (here.ino !== there.ino || here.dev !== there.dev || !may(rights, here, READ)) return false;
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      if (!may(rights, statSync(folder), SEARCH)) return false;
      if (folder === dirname(folder)) return true;
    }
  } catch {
    return false;
  }
}
