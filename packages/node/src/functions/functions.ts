// The functions that have probes, by their ids: what a tracer is told of each. Nothing of it is worked out before somebody traces.
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { FunctionPlace } from './transform.js';

/** A file's ids are its key times this, and the numbers of its functions: which is below 2^53. */
const MOST_FUNCTIONS = 2 ** 16;
const KEYS = 2 ** 32;

/** A file that has functions with probes in it. */
export interface InstrumentedFile {
  /** A path, or a URL that is not a file's. */
  name: string;
  /** What `sourceMappingURL` says in it: the file was made of others. */
  sourceMap?: string | undefined;
  functions: readonly FunctionPlace[];
}

/** A function as tracers are told of it. */
export interface Described {
  /** The original's, where a source map leads to it. */
  file: string;
  name: string;
  line: number;
}

const files = new Map<number, InstrumentedFile>();
const described = new Map<number, Described>();

const UNKNOWN: Described = { file: '', name: '', line: 0 };

/**
 * The id of a file's first function. It depends on nothing but the file's name and text, so that what was made of it can be kept for other
 * processes: `hash` is of both, in hexadecimal digits.
 */
export function firstIdOf(hash: string): number {
  return (Number.parseInt(hash.slice(0, 8), 16) % KEYS) * MOST_FUNCTIONS;
}

/** Whether a file with so many functions can have ids from this one on: there are not too many, and no other file has them. */
export function canBeKnown(firstId: number, { name, functions }: InstrumentedFile): boolean {
  const other = files.get(firstId / MOST_FUNCTIONS);
  return functions.length <= MOST_FUNCTIONS && (other === undefined || other.name === name);
}

export function makeKnown(firstId: number, file: InstrumentedFile): void {
  files.set(firstId / MOST_FUNCTIONS, file);
}

let ask = () => {};

/** Sets what is called where an id is not known: files may have got their probes in another thread, which has told it by then. */
export function whenUnknown(asks: () => void): void {
  ask = asks;
}

/** Never throws. */
export function describe(id: number): Described {
  let known = described.get(id);
  if (!known) {
    if (!files.has(Math.floor(id / MOST_FUNCTIONS))) ask();
    known = look(id) ?? UNKNOWN;
    described.set(id, known);
  }
  return known;
}

function look(id: number): Described | undefined {
  const number = id % MOST_FUNCTIONS;
  const file = files.get((id - number) / MOST_FUNCTIONS);
  const place = file?.functions[number];
  if (!file || !place) return undefined;
  const generated = { file: file.name, name: place.name, line: place.line };
  if (file.sourceMap === undefined) return generated;
  try {
    return { ...generated, ...original(file, place) };
  } catch {
    // No map there, or none that is one: then the file that runs is what there is to tell.
    return generated;
  }
}

interface SourceMap {
  findEntry(line: number, column: number): { originalSource?: string; originalLine?: number };
}

const maps = new WeakMap<InstrumentedFile, SourceMap>();

function original(file: InstrumentedFile, { line, column }: FunctionPlace): Partial<Described> {
  const base = file.name.includes('://') ? file.name : pathToFileURL(file.name).href;
  const url = new URL(file.sourceMap!, base);
  let map = maps.get(file);
  if (!map) {
    map = readMap(url);
    maps.set(file, map);
  }
  // Both count from 0.
  const { originalSource, originalLine } = map.findEntry(line - 1, column);
  if (originalSource === undefined || originalLine === undefined) return {};
  return { file: pathOf(originalSource, url.protocol === 'data:' ? base : url.href), line: originalLine + 1 };
}

function readMap(url: URL): SourceMap {
  const { SourceMap } = process.getBuiltinModule('node:module');
  const { readFileSync } = process.getBuiltinModule('node:fs');
  let text: string;
  if (url.protocol === 'data:') {
    const comma = url.href.indexOf(',');
    const data = url.href.slice(comma + 1);
    text = url.href.slice(0, comma).endsWith(';base64')
      ? Buffer.from(data, 'base64').toString()
      : decodeURIComponent(data);
  } else {
    text = readFileSync(url, 'utf8');
  }
  const payload = JSON.parse(text);
  const { sourceRoot, sources } = payload;
  // Node.js's own class leaves the root out.
  if (sourceRoot) payload.sources = sources.map((source: string) => `${sourceRoot.replace(/\/?$/, '/')}${source}`);
  return new SourceMap(payload) as SourceMap;
}

function pathOf(source: string, base: string): string {
  const url = new URL(source, base);
  if (url.protocol !== 'file:') return source;
  return resolve(dirname(fileURLToPath(base)), fileURLToPath(url));
}
