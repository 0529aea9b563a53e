// Files that several processes of one user share and that become code: probe objects, and sources with probes in them. Their names come from what they
// hold. What becomes code must be ours: nothing that another user could have put or changed there is ever loaded.
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { log } from '@sonde/core';

const debug = log('object');

export interface OwnFile {
  /** Stands for the content. */
  name: string;
  /** Made only where the file is not there yet. */
  content(): Uint8Array;
  /** Whether so many bytes are the whole content, undamaged. In memory 16 zeros come after them, or nothing. It may write to them. */
  isWhole(memory: ArrayBuffer, size: number): boolean;
}

/** Where objects may lie, the best first. A folder that was asked for is the only one. */
export function folders(): string[] {
  const { SONDE_DIR, XDG_RUNTIME_DIR } = process.env;
  if (SONDE_DIR) return [SONDE_DIR];
  // Asked once: each of the variables that it looks at takes Node.js several system calls.
  temporaryFolder ??= process.getBuiltinModule('node:os').tmpdir();
  const temporary = join(temporaryFolder, `sonde-${process.geteuid!()}`);
  return XDG_RUNTIME_DIR && isOurs(XDG_RUNTIME_DIR) ? [join(XDG_RUNTIME_DIR, 'sonde'), temporary] : [temporary];
}

let temporaryFolder: string | undefined;

export function absolute(folder: string): string {
  try {
    return resolve(folder);
  } catch (error) {
    throw new Error(`${folder} is relative to a working directory that is gone: set SONDE_DIR to an absolute path`, {
      cause: error,
    });
  }
}

/** Under su and sudo, XDG_RUNTIME_DIR may still be the other user's. */
function isOurs(path: string): boolean {
  try {
    return statSync(path).uid === process.geteuid!();
  } catch {
    return false;
  }
}

/**
 * A file in a folder of ours, which is made if it is not there, or damaged.
 *
 * @throws with a reason
 */
export function putFile(folder: string, { name, content, isWhole }: OwnFile): { path: string; found: Uint8Array } {
  const there = lstatSync(folder, { throwIfNoEntry: false });
  if (!there) makeFolder(folder);
  checkOurs(folder, there ?? lstatSync(folder), 'directory');
  checkAbove(folder);
  const path = join(folder, name);
  const found = readWhole(path, isWhole);
  if (found) return { path, found };
  const made = content();
  removeAbandoned(folder);
  const own = join(folder, `.${name}.${process.pid}-${process.hrtime.bigint()}${PART}`);
  writeWhole(own, made);
  try {
    // A link and not a rename: of many processes that start at once the first wins, and all map the same inode.
    link(own, path);
  } finally {
    rmSync(own, { force: true });
  }
  if (!readWhole(path, isWhole)) repair(path, made);
  const kept = readWhole(path, isWhole);
  if (!kept) throw new Error(`${path} does not keep its content`);
  return { path, found: kept };
}

/**
 * Makes the folder, and those above it. Each is tried once: where none can be made, as in /proc, Node.js's own `recursive`
 * tries for ever.
 */
function makeFolder(folder: string): void {
  if (tryMakeFolder(folder)) return;
  makeFolder(dirname(folder));
  if (!tryMakeFolder(folder)) throw new Error(`${folder} cannot be made`);
}

/** False when there is no folder above it; true too when something is there already, whatever it is. */
function tryMakeFolder(folder: string): boolean {
  try {
    mkdirSync(folder, 0o700);
    // Whatever the umask is.
    chmodSync(folder, 0o700);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return true;
    if (code === 'ENOENT' && dirname(folder) !== folder) return false;
    throw error;
  }
}

/** Files on their way; what a killed process left of them is removed by the next that writes. */
export const PART = '.part';
const ABANDONED_AFTER_MS = 60_000;

function checkOurs(path: string, stats: Stats, what: 'directory' | 'file'): void {
  const broken = (rule: string) => new Error(`${path} ${rule}: remove it, or set SONDE_DIR to a directory of your own`);
  if (stats.isSymbolicLink()) throw broken('is a symbolic link');
  if (what === 'directory' ? !stats.isDirectory() : !stats.isFile()) throw broken(`is not a ${what}`);
  if (stats.uid !== process.geteuid!()) throw broken(`belongs to user ${stats.uid} and not to ${process.geteuid!()}`);
  if ((stats.mode & 0o022) !== 0) throw broken(`can be written by others (mode ${(stats.mode & 0o777).toString(8)})`);
}

/** Folders that nobody else can put another in the place of; who could change that is asked once. */
const safeFolders = new Set<string>();

/** Whoever can write to a directory above could exchange the folder between a check and its use. */
function checkAbove(folder: string): void {
  if (safeFolders.has(folder)) return;
  const trusted = [0, process.geteuid!()];
  for (const path of new Set([...above(folder), ...above(realpathSync.native(folder))])) {
    const { uid, gid, mode } = statSync(path);
    const others = (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== 0 && gid !== process.getegid!());
    const isSticky = (mode & 0o1000) !== 0;
    if (!trusted.includes(uid) || (others && !isSticky)) {
      throw new Error(
        `${folder} lies in ${path}, which others can change (user ${uid}, mode ${(mode & 0o7777).toString(8)}): ` +
          'set SONDE_DIR to a directory that only you and root can reach',
      );
    }
  }
  safeFolders.add(folder);
}

function above(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [] : [parent, ...above(parent)];
}

/** Bytes. Far more than an object with the most probes that anyone defines, or a source; what is larger is damaged. */
const LARGEST = 2 ** 28;

/** The file's content, where it is there, ours and whole. Throws when it is there and not ours. */
function readWhole(path: string, isWhole: OwnFile['isWhole']): Uint8Array | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP') checkOurs(path, lstatSync(path), 'file');
    throw error;
  }
  try {
    const stats = fstatSync(file);
    checkOurs(path, stats, 'file');
    if (stats.size > LARGEST) return undefined;
    // readFileSync would take several times as long for a file whose size is known.
    const found = memoryOf(stats.size);
    if (readSync(file, found, 0, stats.size, 0) !== stats.size || !isWhole(found.buffer, stats.size)) return undefined;
    return found.subarray(0, stats.size);
  } finally {
    closeSync(file);
  }
}

/**
 * Memory to read a file into: one for the small ones, since untouched memory costs more than to read into it. Neither who compares nor who
 * asked for the file keeps it.
 */
function memoryOf(size: number): Uint8Array<ArrayBuffer> {
  if (size > SMALL - 16) return new Uint8Array((size + 3) & -4);
  small ??= new Uint8Array(SMALL);
  return small.fill(0, size, size + 16);
}

/** Bytes: of an object with some fifty probes. */
const SMALL = 2 ** 16;
let small: Uint8Array<ArrayBuffer> | undefined;

function writeWhole(path: string, content: Uint8Array): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    // Whatever the umask is. By its path: Node.js's permission model knows no rights to descriptors and forbids fchmod.
    chmodSync(path, 0o600);
    writeAll(file, content);
  } catch (error) {
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, content: Uint8Array): void {
  for (let written = 0; written < content.length; ) {
    written += writeSync(file, content, written, content.length - written, written);
  }
}

/** Gives a file another name, unless something has that already. */
function link(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    // A file system without hard links.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    renameSync(from, to);
  }
}

/**
 * Writes a damaged file anew (the disk was full, the system crashed). In its place, so that it stays the same inode: of
 * several processes that do this at once all write the same, and nobody has mapped what was damaged.
 */
function repair(path: string, content: Uint8Array): void {
  debug('%s is damaged and is written anew', path);
  const file = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    checkOurs(path, fstatSync(file), 'file');
    writeAll(file, content);
    ftruncateSync(file, content.length);
  } finally {
    closeSync(file);
  }
}

function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(PART)) continue;
    const path = join(folder, name);
    try {
      if (Date.now() - lstatSync(path).mtimeMs > ABANDONED_AFTER_MS) unlinkSync(path);
    } catch (error) {
      // Another process was quicker.
      debug('%s: %s', path, (error as Error).message);
    }
  }
}
