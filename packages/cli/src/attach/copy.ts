// A copy of packages in the file system of a process, which may be that of a container. Who is root
// in there may have put links everywhere, and change them at any time; so no path of more than one
// name is followed, but for the first one, and whether that led out of there is looked at.
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { readText } from '../discovery/files.js';
import { mountOf, parseMounts } from '../doctor/mounts.js';
import { programSettings } from '../doctor/program-settings.js';
import { CommandError } from '../error.js';
import { may, type Package, type Rights, WRITE } from './files.js';

export interface Copy {
  /** As the process sees it. */
  path: string;
  /** Does nothing if it is gone already. */
  remove(): void;
}

/** @throws {CommandError} with the reason for each place, where it cannot be written anywhere */
export function copyFor(pid: number, rights: Rights, packages: readonly Package[]): Copy {
  const { environment = {} } = programSettings([], readText(`/proc/${pid}/environ`));
  const folders = [environment.TMPDIR, '/tmp', '/var/tmp', environment.XDG_RUNTIME_DIR, '/dev/shm'];
  const reasons: string[] = [];
  for (const folder of new Set(folders)) {
    if (!folder?.startsWith('/')) continue;
    try {
      return copyTo(folder.replace(/(?<=.)\/+$/, ''), pid, rights, packages);
    } catch (error) {
      reasons.push(`${folder}: ${(error as Error).message}`);
    }
  }
  throw new CommandError(
    'failed',
    `it does not see the files of this command, or may not read them, and a copy cannot be put anywhere (${reasons.join('; ')}); mount a folder in it that it may write, without noexec, and set TMPDIR to that`,
  );
}

function copyTo(folder: string, pid: number, { uid, gid, ...rights }: Rights, packages: readonly Package[]): Copy {
  const mountinfo = readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
  const mount = mountOf(folder, parseMounts(mountinfo));
  const wrong = ['ro', 'noexec'].find((option) => mount?.options.includes(option));
  if (wrong !== undefined) throw new Error(wrong === 'ro' ? 'it is mounted read-only' : 'it is mounted noexec');
  /** In the order in which it was made. */
  const undo: (() => void)[] = [];
  const remove = () => {
    for (const each of undo.splice(0).reverse()) {
      try {
        each();
      } catch {
        // It is gone.
      }
    }
  };
  const give = (descriptor: number) => {
    if (uid !== process.geteuid!()) fchownSync(descriptor, uid, gid);
  };
  const open = (path: string, flags: number) => {
    const descriptor = openSync(path, flags | constants.O_DIRECTORY);
    undo.push(() => closeSync(descriptor));
    return descriptor;
  };
  const make = (path: string): number => {
    undo.push(() => rmdirSync(path));
    const made = open(path, constants.O_NOFOLLOW);
    give(made);
    return made;
  };
  try {
    const top = open(`/proc/${pid}/root${folder}`, 0);
    if (!isOnMountOf(top, mountinfo)) throw new Error('it leads out of the file system of the process');
    if (!may({ uid, gid, ...rights }, fstatSync(top), WRITE)) throw new Error('it may not write there');
    const path = mkdtempSync(`/proc/self/fd/${top}/sonde-attach-`);
    const modules = makeIn(make(path), 'node_modules');
    const scopes = new Map<string, number>();
    for (const { name, folder: from } of packages) {
      const [scope, own] = name.split('/') as [string, string];
      if (!scopes.has(scope)) scopes.set(scope, makeIn(modules, scope));
      copyFolder(from, makeIn(scopes.get(scope)!, own));
    }
    return { path: join(folder, basename(path)), remove };
  } catch (error) {
    remove();
    throw error;
  }

  function makeIn(parent: number, name: string): number {
    const path = `/proc/self/fd/${parent}/${name}`;
    mkdirSync(path, 0o755);
    return make(path);
  }

  function copyFolder(from: string, to: number, inside = ''): void {
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      const place = inside + entry.name;
      if (entry.isDirectory() && isFolderNeeded(place)) {
        copyFolder(join(from, entry.name), makeIn(to, entry.name), `${place}/`);
      } else if (entry.isFile() && isFileNeeded(place)) {
        const path = `/proc/self/fd/${to}/${entry.name}`;
        // It fails where there is anything, a link as well.
        const file = openSync(path, 'wx', 0o644);
        undo.push(() => unlinkSync(path));
        try {
          writeFileSync(file, readFileSync(join(from, entry.name)));
          give(file);
        } finally {
          closeSync(file);
        }
      }
    }
  }
}

/** Numbers of mounts are those of the machine. */
function isOnMountOf(descriptor: number, mountinfo: string): boolean {
  const [, mount] = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1')) ?? [];
  return mount !== undefined && new RegExp(`^${mount} `, 'm').test(mountinfo);
}

/** What runs, and no sources, types and maps. */
function isFileNeeded(place: string): boolean {
  return /^(?:package\.json|lib\/[^/]+\.c?js|addon\/.*(?:\.node|backend\.json))$/.test(place);
}

function isFolderNeeded(place: string): boolean {
  const { platform, arch } = process;
  return (
    /^(?:lib|addon|addon\/(?:build(?:\/Release)?|prebuilds))$/.test(place) ||
    place === `addon/prebuilds/${platform}-${arch}`
  );
}
