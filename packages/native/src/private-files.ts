// Files that several processes of one user share and that become code: probe objects, and sources
// with probes in them. Their names come from what they hold. What becomes code must be ours:
// nothing that another user could have put or changed there is ever loaded.
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
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { log } from '@sonde/core/internal';
import { checkOurs, openPrivateFolder, type Place } from './private-folder.js';
import { checkDenoAllowsWriting } from './restrictions.js';

const debug = log('object');

export interface PrivateFile {
  /** Stands for the content. */
  name: string;
  /** Made only where the file is not there yet. */
  content(): Uint8Array;
  /**
   * Whether so many bytes are the whole content, undamaged. In memory 16 zeros come after them, or
   * nothing. It may write to them.
   */
  isWhole(memory: ArrayBuffer, size: number): boolean;
}

export interface FoundFile {
  path: string;
  content: Uint8Array;
  /**
   * Removes what this call made, the file and the folder: it turned out to be of no use to anybody.
   */
  takeBack(): void;
}

/**
 * A file in a folder of ours, which is made if it is not there, or damaged.
 *
 * @throws with a reason
 */
export function putFile(place: Place, { name, content, isWhole }: PrivateFile): FoundFile {
  const { path: folder, isOurs, isNew } = openPrivateFolder(place);
  const path = join(folder, name);
  const found = readWhole(path, isWhole);
  if (found) return { path, content: found, takeBack() {} };
  if (!isOurs) {
    throw new Error(`${folder} belongs to root and does not hold ${name}: set SONDE_DIR to a directory of your own`);
  }
  checkDenoAllowsWriting(folder);
  const made = content();
  throughPart(folder, (part) => {
    writeWhole(part, made);
    // A link and not a rename: of many processes that start at once the first wins, and all map the
    // same inode.
    link(part, path);
  });
  if (!readWhole(path, isWhole)) repair(path, made);
  const kept = readWhole(path, isWhole);
  if (!kept) throw new Error(`${path} does not keep its content`);
  const takeBack = () => {
    try {
      unlinkSync(path);
      if (!isNew) return;
      rmdirSync(join(folder, PARTS));
      rmdirSync(folder);
    } catch (error) {
      // Others use the folder.
      debug('%s: %s', path, (error as Error).message);
    }
  };
  return { path, content: kept, takeBack };
}

/** Makes a symbolic link in a folder of ours, in the place of the one that is there. */
export function putLink(path: string, target: string): void {
  throughPart(dirname(path), (part) => {
    symlinkSync(target, part);
    renameSync(part, path);
  });
}

/**
 * Where files lie on their way, by themselves: looking for what was left there must not take longer
 * the more files there are.
 */
const PARTS = '.parts';
const ABANDONED_AFTER_MS = 60_000;

/**
 * Makes something under a name of its own, which is gone afterwards. What a killed process leaves
 * is removed by the next that gets here.
 */
function throughPart(folder: string, make: (part: string) => void): void {
  const parts = join(folder, PARTS);
  try {
    mkdirSync(parts, 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    checkOurs(parts, lstatSync(parts), 'directory');
    removeAbandoned(parts);
  }
  const part = join(parts, `${process.pid}-${process.hrtime.bigint()}`);
  try {
    make(part);
  } finally {
    try {
      unlinkSync(part);
    } catch {
      // It has another name now, or was never made.
    }
  }
}

function removeAbandoned(parts: string): void {
  for (const name of readdirSync(parts)) {
    const path = join(parts, name);
    try {
      if (Date.now() - lstatSync(path).mtimeMs > ABANDONED_AFTER_MS) unlinkSync(path);
    } catch (error) {
      // Another process was quicker.
      debug('%s: %s', path, (error as Error).message);
    }
  }
}

/**
 * Bytes. Far more than an object with the most probes that anyone defines, or a source; what is
 * larger is damaged.
 */
const LARGEST = 2 ** 28;

/** The file's content, where it is there, ours and whole. Throws when it is there and not ours. */
function readWhole(path: string, isWhole: PrivateFile['isWhole']): Uint8Array | undefined {
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
 * Memory to read a file into: one for the small ones, since untouched memory costs more than to
 * read into it. Neither who compares nor who asked for the file keeps it.
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
    // Whatever the umask is. By its path: Node.js's permission model knows no rights to descriptors
    // and forbids fchmod.
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
 * Writes a damaged file anew (the disk was full, the system crashed). In its place, so that it
 * stays the same inode: of several processes that do this at once all write the same, and nobody
 * has mapped what was damaged.
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
