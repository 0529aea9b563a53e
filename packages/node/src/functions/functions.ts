// The functions that have probes, by their ids: what a tracer is told of each. Nothing of it is
// worked out before somebody traces. Programs load files again and again, changed: of each file so
// many versions are known, since functions of older ones may still be called.
import { type FindsOriginal, originals, parsed, readSourceMap } from '../source-maps.js';
import { ensureRoom, roomFor } from './room.js';
import type { FunctionPlace } from './transform.js';

/** A file's ids are its key times this, and the numbers of its functions: which is below 2^53. */
const MOST_FUNCTIONS = 2 ** 16;
const KEYS = 2 ** 32;

const MOST_VERSIONS = 8;
/** Of versions that are no longer known, their files' names are. */
const MOST_NAMES = 4096;
/** In all files, older versions included: some 30 MB. */
const MOST_IN_ALL = 2 ** 20;

/** The functions of a file, in the order of their ids: as few bytes as it takes. */
export interface Places {
  count: number;
  /** JSON, of name, line and column of each. */
  text: string;
}

/** A file that has functions with probes in it. */
export interface InstrumentedFile {
  /** A path, or a URL that is not a file's. */
  name: string;
  /** What `sourceMappingURL` says in it: the file was made of others. */
  sourceMap?: string | undefined;
  functions: Places;
}

/** A function as tracers are told of it. */
export interface Described {
  /** The original's, where a source map leads to it. */
  file: string;
  name: string;
  line: number;
}

interface Version {
  file: InstrumentedFile;
  /** Of its functions; not before somebody traces. */
  described?: Described[];
}

/** By their keys. */
const versions = new Map<number, Version>();
/** The keys of each file's versions, the newest last. */
const names = new Map<string, number[]>();
/** The files of keys that are no longer known. */
const forgotten = new Map<number, string>();
let inAll = 0;

export function placesOf(functions: readonly FunctionPlace[]): Places {
  const values = functions.flatMap(({ name, line, column }) => [name, line, column]);
  return { count: functions.length, text: JSON.stringify(values) };
}

/**
 * The id of a file's first function. It depends on nothing but the file's name and text, so that
 * what was made of it can be kept for other processes: `hash` is of both, in hexadecimal digits.
 */
export function firstIdOf(hash: string): number {
  return (Number.parseInt(hash.slice(0, 8), 16) % KEYS) * MOST_FUNCTIONS;
}

/**
 * @throws where a file's functions cannot have ids from this one on: another file has them, or
 * there are too many
 */
export function checkCanBeKnown(firstId: number, { name, functions }: InstrumentedFile): void {
  const other = versions.get(firstId / MOST_FUNCTIONS)?.file.name;
  if (functions.count > MOST_FUNCTIONS) throw new Error(`it has more than ${MOST_FUNCTIONS} functions`);
  if (other !== undefined && other !== name) throw new Error(`its functions would have the ids of those in ${other}`);
  if (other === undefined && inAll + functions.count > MOST_IN_ALL) {
    throw new Error(
      `${inAll} functions have probes: name fewer files in SONDE_FUNCTIONS, or in sonde.functions of package.json`,
    );
  }
}

/**
 * From now on this is the newest version of its file. Nothing happens where another file has these
 * ids.
 */
export function makeKnown(firstId: number, file: InstrumentedFile): void {
  const key = firstId / MOST_FUNCTIONS;
  if ((versions.get(key)?.file.name ?? file.name) !== file.name) return;
  const keys = names.get(file.name) ?? [];
  names.set(file.name, keys);
  const known = keys.indexOf(key);
  if (known >= 0) {
    keys.splice(known, 1);
  } else {
    versions.set(key, { file });
    inAll += file.functions.count;
  }
  keys.push(key);
  if (keys.length > MOST_VERSIONS) forget(keys.shift()!);
}

function forget(key: number): void {
  const { file } = versions.get(key)!;
  versions.delete(key);
  inAll -= file.functions.count;
  forgotten.set(key, file.name);
  if (forgotten.size > MOST_NAMES) forgotten.delete(forgotten.keys().next().value!);
}

/** Of each file's newest version. */
export function count(): { files: number; functions: number } {
  let functions = 0;
  for (const keys of names.values()) functions += versions.get(keys.at(-1)!)!.file.functions.count;
  return { files: names.size, functions };
}

/** Whether functions of a file have these ids in this thread. */
export const isKnown = (firstId: number): boolean => versions.has(firstId / MOST_FUNCTIONS);

let ask = () => {};

/**
 * Sets what is called where an id is not known: files may have got their probes in another thread,
 * which has told it by then.
 */
export function whenUnknown(asks: () => void): void {
  ask = asks;
}

/** @throws RangeError near the end of the stack */
export function describe(id: number): Described {
  const number = id % MOST_FUNCTIONS;
  const key = (id - number) / MOST_FUNCTIONS;
  return versions.get(key)?.described?.[number] ?? describeFirst(key, number);
}

/**
 * Enough for JSON, source maps and messages from another thread: nothing of these is to be lost or
 * left half done.
 */
const ROOM = roomFor(2 ** 13);

function describeFirst(key: number, number: number): Described {
  ensureRoom(ROOM);
  if (!versions.has(key)) ask();
  const version = versions.get(key);
  if (version) version.described ??= describeAll(version.file);
  return version?.described?.[number] ?? { file: forgotten.get(key) ?? '', name: '', line: 0 };
}

/** All at once: then the source map, which takes many times as much memory, can go. */
function describeAll({ name: file, sourceMap, functions }: InstrumentedFile): Described[] {
  const described: Described[] = [];
  const original = sourceMap === undefined ? NONE : originalsOf(sourceMap, file);
  const values = JSON.parse(functions.text);
  for (let i = 0; i < values.length; i += 3) {
    const [name, line, column] = values.slice(i, i + 3) as [string, number, number];
    described.push({ file, name, line, ...original(line, column) });
  }
  return described;
}

/** Where there is no map, or none that is one, the file that runs is what there is to tell. */
export function originalsOf(sourceMap: string, file: string): FindsOriginal {
  const found = readSourceMap(sourceMap, file);
  if (!found) return NONE;
  try {
    const finds = originals(parsed(found));
    return (line, column) => {
      try {
        return finds(line, column);
      } catch {
        return undefined;
      }
    };
  } catch {
    return NONE;
  }
}

const NONE: FindsOriginal = () => undefined;
