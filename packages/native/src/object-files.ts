// Probe objects as files (private-files.ts): one file serves every process with that definition, so
// that one attachment by path traces them all, those still to be started too.
import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isAllowed, log } from '@sonde/core/internal';
import { isIntact } from '@sonde/elf';
import { getBinding } from './binding.js';
import { putFile, putLink } from './private-files.js';
import { folderCandidates, type Place } from './private-folder.js';
import { reasonOf } from './restrictions.js';

const debug = log('object');

// As they were when sonde was loaded: tests put others in their place.
const { setTimeout, clearTimeout } = globalThis;

/** A probe object to be loaded. */
export interface ObjectFile {
  provider: string;
  /** Stands for the content, in hexadecimal digits. */
  key: string;
  /**
   * For people: the name of the link to the newest definition of the provider, in the same folder.
   */
  link: string;
  /** Made only where the file is not there yet. */
  content(): Uint8Array;
  /** The code: its first symbol, and its size in bytes. */
  symbol: string;
  size: number;
}

/** Where tracers find an object at this moment. */
export interface Whereabouts {
  location: string;
  /** Why it is not where it would be otherwise. */
  reason?: string;
  /** Where the link of the provider leads, if that is another definition. */
  newest?: string;
}

/** An object that is mapped. */
export interface OpenObject {
  code: Uint8Array;
  whereabouts(): Whereabouts;
  /** From now on, tracers need not find it any more. It stays mapped while `code` is held. */
  withdraw(): void;
}

/**
 * Puts the object where it belongs, unless it is there, and maps it. Where no folder can be
 * written, or holds code that may be executed, it is mapped from memory: `/proc/<pid>/fd/<n>`,
 * which most tracers accept but perf does not.
 *
 * @throws with all reasons when even that fails
 */
export function openObject(object: ObjectFile): OpenObject {
  // Before anything is written or read for it.
  getBinding().checkRoom();
  const reasons: string[] = [];
  for (const place of folderCandidates()) {
    try {
      return openFile(object, place, reasons);
    } catch (error) {
      const reason = reasonOf(error);
      reasons.push(reason);
      debug('%s: %s', place.path, reason);
    }
  }
  try {
    return openInMemory(object, reasons);
  } catch (error) {
    throw new Error([...reasons, reasonOf(error)].join('; '), { cause: error });
  }
}

const fileName = ({ provider, key }: ObjectFile) => `${provider}-${key}.so`;

function openFile(object: ObjectFile, place: Place, reasons: readonly string[]): OpenObject {
  const content = () => object.content();
  const { path, takeBack } = putFile(place, { name: fileName(object), content, isWhole: isIntact });
  let code: Uint8Array;
  try {
    code = getBinding().openObject(path, object.symbol, object.size);
  } catch (error) {
    // A file system that forbids execution does so to everybody.
    if (/\(noexec\)$/.test((error as Error).message)) takeBack();
    throw error;
  }
  const link = join(dirname(path), object.link);
  return { code, whereabouts: whereaboutsOf(path, reasons, link), withdraw: leadTo(link, path) };
}

function openInMemory(object: ObjectFile, reasons: readonly string[]): OpenObject {
  const binding = getBinding();
  const folder = `/proc/${ownNumber()}/fd/`;
  const open = (...content: [Uint8Array] | []) =>
    binding.openMemoryObject(folder, fileName(object), object.symbol, object.size, ...content);
  const opened = open() ?? open(object.content())!;
  const { code, path, visible } = opened;
  return { code, whereabouts: whereaboutsOf(path, reasons), withdraw: () => binding.hideMemoryObject(visible) };
}

/**
 * The number that this process has where /proc was mounted, which may be in another pid namespace.
 * Not `self`: gdb would look in its own descriptors, and wait there for ever.
 */
function ownNumber(): string {
  try {
    return readlinkSync('/proc/self');
  } catch (error) {
    // Node.js or Deno may forbid to look: then it is not known whether /proc is another
    // namespace's.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return String(process.pid);
    throw new Error(
      'probe objects cannot be found in memory: /proc is not mounted, or is that of a pid namespace in which this process is not',
      { cause: error },
    );
  }
}

/** Looks each time whether the file is there: others may remove it while the program runs. */
function whereaboutsOf(path: string, reasons: readonly string[], link?: string): () => Whereabouts {
  const opened = statOf(path);
  return () => {
    const now = statOf(path);
    // Where Node.js's permission model forbids to look, the file is taken to be there.
    const isThere = !opened || (now?.ino === opened.ino && now.dev === opened.dev);
    const location = isThere ? path : (mappingOf(opened.ino) ?? path);
    const why = isThere
      ? reasons
      : [
          ...reasons,
          `${path} was removed, or replaced, while this process used it: only root can still trace it, by ${location}; to have a file again, restart the program, and set SONDE_DIR to a directory that nobody cleans up`,
        ];
    const newest = link && readLink(link);
    return {
      location,
      ...(why.length > 0 && { reason: why.join('; ') }),
      ...(newest !== undefined && newest !== basename(path) && { newest: join(dirname(path), newest) }),
    };
  };
}

function statOf(path: string) {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return { dev, ino };
  } catch {
    return undefined;
  }
}

/**
 * The code's mapping, as a path by which the kernel hands out the file that is behind it, whether
 * it has a name or not.
 */
function mappingOf(inode: bigint): string | undefined {
  try {
    const line = new RegExp(`^(\\S+) r-xp \\S+ \\S+ ${inode} `, 'm').exec(readFileSync('/proc/self/maps', 'latin1'));
    // In maps, addresses have leading zeros, which map_files does not take.
    const range = line?.[1]?.split('-').map((address) => address.replace(/^0+/, ''));
    return range && `/proc/${ownNumber()}/map_files/${range.join('-')}`;
  } catch {
    return undefined;
  }
}

/** How long a process has to run before the link leads from another definition to its own. */
const SETTLED_MS = 1000;

/**
 * Where this thread led links: a program that loads a changed module again needs no time to prove
 * that it runs.
 */
const led = new Map<string, string>();
/** Of links; a program may make up providers as it runs. */
const MOST_LED = 1000;

/**
 * Has `<provider>.so`, for people, lead to an object: at once where it leads nowhere; otherwise
 * when the program has run for a second. A second server that finds its port taken must not take
 * the link from the one that runs.
 *
 * @returns what ends the waiting
 */
function leadTo(link: string, path: string): () => void {
  const target = basename(path);
  const there = readLink(link);
  const lead = () => {
    try {
      if (readLink(link) !== target && existsSync(path) && isAllowed({ name: 'write' })) putLink(link, target);
      if (led.size === MOST_LED) led.clear();
      led.set(link, target);
    } catch (error) {
      debug('%s: %s', link, (error as Error).message);
    }
  };
  if (there === target) return () => {};
  if (there === undefined || there === led.get(link) || !existsSync(join(dirname(link), there))) {
    lead();
    return () => {};
  }
  const timer = setTimeout(lead, SETTLED_MS).unref();
  return () => clearTimeout(timer);
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
