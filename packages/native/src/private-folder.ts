// Folders for files that become code: nobody but root and this user may be able to change what is
// in them, or to put another folder in their place.
//
// A path is checked from the root on, one component at a time, and used without the symbolic links
// in it. Whoever could exchange a component later must be able to write to the folder that holds
// it, and that folder was checked before. So what was checked is what is used.
import { chmodSync, lstatSync, mkdirSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { isAllowed, variable } from '@sonde/core/internal';
import { checkDenoAllowsWriting } from './restrictions.js';

/** Where files may lie. */
export interface Place {
  /** The folder. */
  readonly path: string;
  /**
   * The directory above it that has to be there, as it is the user's or the system's to make. What
   * is missing below it is made.
   */
  readonly base: string;
}

export interface PrivateFolder {
  /** Absolute, and without symbolic links. */
  readonly path: string;
  /** False where it is root's: what root has put there can be used, but nothing can be added. */
  readonly isOurs: boolean;
  /** Whether it was made just now. */
  readonly isNew: boolean;
}

/**
 * Where probe objects may lie, the best place first. A folder that was asked for is the only one.
 */
export function folderCandidates(): Place[] {
  const SONDE_DIR = variable('SONDE_DIR');
  if (SONDE_DIR) return [{ path: SONDE_DIR, base: '/' }];
  const XDG_RUNTIME_DIR = variable('XDG_RUNTIME_DIR');
  // Asked once: each of the variables that it looks at takes Node.js several system calls.
  temporary ??= isAllowed({ name: 'env' }) ? process.getBuiltinModule('node:os').tmpdir() : '/tmp';
  const inTemporary = { path: join(temporary, `sonde-${process.geteuid!()}`), base: temporary };
  if (!XDG_RUNTIME_DIR || !isOwned(XDG_RUNTIME_DIR)) return [inTemporary];
  return [{ path: join(XDG_RUNTIME_DIR, 'sonde'), base: XDG_RUNTIME_DIR }, inTemporary];
}

let temporary: string | undefined;

/** Under su and sudo, XDG_RUNTIME_DIR may still be the other user's. */
function isOwned(path: string): boolean {
  try {
    return statSync(path).uid === process.geteuid!();
  } catch {
    return false;
  }
}

/**
 * Checks a place, and makes what is missing of it.
 *
 * @throws with the reason, in words for `status()`, where it cannot be used
 */
export function openPrivateFolder(place: Place): PrivateFolder {
  const [folder, base] = [absolute(place.path), absolute(place.base)];
  checkCharacters(folder);
  const walk = new Walk(folder);
  const parent = walk.on(walk.on('/', base, 'refuse'), relative(base, dirname(folder)), 'make');
  const path = join(parent, basename(folder));
  const there = lstatSync(path, { throwIfNoEntry: false });
  const stats = there ?? makeFolder(path);
  const { uid } = stats;
  if (uid === 0 && uid !== process.geteuid!() && stats.isDirectory() && !isWritableByOthers(stats)) {
    return { path, isOurs: false, isNew: false };
  }
  checkOurs(path, stats, 'directory');
  return { path, isOurs: true, isNew: !there };
}

function absolute(folder: string): string {
  try {
    return resolve(folder);
  } catch (error) {
    throw new Error(`${folder} is relative to a working directory that is gone: set SONDE_DIR to an absolute path`, {
      cause: error,
    });
  }
}

/**
 * What the dynamic linker takes for a variable (`$`), bpftrace for the end of the path, even within
 * quotes (`:`, `"`, `\\`), or for a pattern, and what would be seen as something else where the
 * path is printed.
 */
function checkCharacters(folder: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there.
  const [found] = /[:"\\*?[\]$\0-\x1f\x7f-\x9f]/.exec(folder) ?? [];
  if (found === undefined) return;
  throw new Error(
    `${JSON.stringify(folder)} has ${JSON.stringify(found)} in it, with which tools cannot find the probes: set SONDE_DIR to a path without : " \\ * ? [ ] $ and control characters`,
  );
}

/** Of Linux, MAXSYMLINKS in <linux/namei.h>. */
const MOST_LINKS = 40;

/** The way to a folder. Each directory and link on it is one that only root and we can change. */
class Walk {
  private readonly folder: string;
  private links = 0;

  constructor(folder: string) {
    this.folder = folder;
    this.check('/', lstatSync('/'));
  }

  /**
   * @param from a directory that was reached in this way
   * @param missing what becomes of a directory that is not there
   * @returns where `path` leads from there, without symbolic links
   */
  on(from: string, path: string, missing: 'make' | 'refuse'): string {
    let current = from;
    for (const name of path.split('/')) {
      if (name === '' || name === '.') continue;
      const next = join(current, name);
      const stats = lstatSync(next, { throwIfNoEntry: false }) ?? (missing === 'make' ? makeFolder(next) : undefined);
      if (!stats) throw new Error(`${next} is not there: make it, or set SONDE_DIR to a directory of your own`);
      this.check(next, stats);
      current = stats.isSymbolicLink() ? this.along(current, readlinkSync(next)) : next;
    }
    return current;
  }

  private along(from: string, target: string): string {
    if (++this.links > MOST_LINKS)
      throw new Error(`${this.folder} leads through more than ${MOST_LINKS} symbolic links`);
    return this.on(target.startsWith('/') ? '/' : from, target, 'refuse');
  }

  /**
   * Whoever can change a directory or link, or exchange it where it lies, could exchange the folder
   * that it leads to.
   */
  private check(path: string, stats: Stats): void {
    const { uid, mode } = stats;
    const remedy = 'set SONDE_DIR to a directory that only you and root can change';
    const changed = `${this.folder} lies in ${path}, which others can change (user ${uid}, mode ${octal(mode)})`;
    if (uid !== 0 && uid !== process.geteuid!()) throw new Error(`${changed}: ${remedy}`);
    if (stats.isSymbolicLink()) return;
    if (!stats.isDirectory()) throw new Error(`${path} is not a directory: remove it, or set SONDE_DIR to another`);
    // In a directory with the sticky bit, nobody can exchange what belongs to another user.
    if (isWritableByOthers(stats) && (mode & 0o1000) === 0) {
      throw new Error(`${changed}: take that away (chmod go-w), or give it the sticky bit (chmod +t), or ${remedy}`);
    }
  }
}

/**
 * Makes a directory that nobody else can exchange afterwards, since the one that holds it was
 * checked.
 */
function makeFolder(path: string): Stats {
  checkDenoAllowsWriting(path);
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // In /proc, for one.
    if (code === 'ENOENT') throw new Error(`${path} cannot be made`, { cause: error });
    if (code !== 'EEXIST') throw error;
    return lstatSync(path);
  }
  // Whatever the umask is.
  if ((lstatSync(path).mode & 0o700) !== 0o700) chmodSync(path, 0o700);
  return lstatSync(path);
}

/**
 * A group may have other members, and where there is an access control list, the group's bits are
 * what the list grants at most (acl(5)).
 */
const isWritableByOthers = ({ mode }: Stats): boolean => (mode & 0o022) !== 0;

const octal = (mode: number): string => (mode & 0o7777).toString(8);

/** @throws unless the directory or file is ours, or root's, and nobody else can write to it */
export function checkOurs(path: string, stats: Stats, what: 'directory' | 'file'): void {
  const broken = (rule: string) => new Error(`${path} ${rule}: remove it, or set SONDE_DIR to a directory of your own`);
  if (stats.isSymbolicLink()) throw broken('is a symbolic link');
  if (what === 'directory' ? !stats.isDirectory() : !stats.isFile()) throw broken(`is not a ${what}`);
  const isTrusted = stats.uid === process.geteuid!() || (what === 'file' && stats.uid === 0);
  if (!isTrusted) throw broken(`belongs to user ${stats.uid} and not to ${process.geteuid!()}`);
  if (isWritableByOthers(stats)) throw broken(`can be written by others (mode ${octal(stats.mode)})`);
}
