// The source maps that files name as theirs. What a file names may be anything: a pipe, a device,
// something huge. It is read only where nobody can have to wait for it, and where there is none
// that is one, there is none.
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { SourceMap, SourceMapPayload, SourceMapping } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** A file that is larger is not read, in bytes: the program would wait for it. */
const LARGEST = 16 * 2 ** 20;

/** As https://tc39.es/ecma426/ has it. */
export interface SourceMapData {
  sources?: (string | null)[];
  sourceRoot?: string;
  mappings?: string;
  sections?: { offset: { line: number; column: number }; map: SourceMapData }[];
}

export interface FoundSourceMap {
  /** JSON, or something else: nobody has looked. */
  text: string;
  /** What its sources are relative to. */
  url: string;
}

export interface Original {
  /** A path, or a URL that is not a file's. */
  file: string;
  /** From 1. */
  line: number;
}

const NAMED = 'sourceMappingURL=';

/** What a text names as its source map, the last if there are more: as V8 and Node.js take it. */
export function sourceMapOf(text: string): string | undefined {
  const at = text.lastIndexOf(NAMED);
  if (at < 3 || !/\/[/*][#@] $/.test(text.slice(Math.max(0, at - 4), at))) return undefined;
  return /^[^\s'"*]+/.exec(text.slice(at + NAMED.length))?.[0];
}

/**
 * Reads a source map. Never throws.
 *
 * @param named what {@link sourceMapOf} gave
 * @param file its path, or URL
 */
export function readSourceMap(named: string, file: string): FoundSourceMap | undefined {
  try {
    const base = urlOf(file);
    const url = new URL(named, base);
    const isInline = url.protocol === 'data:';
    const text = isInline ? dataOf(url.href) : readRegularFile(fileURLToPath(url));
    return text === undefined ? undefined : { text, url: isInline ? base : url.href };
  } catch {
    return undefined;
  }
}

/**
 * The map itself, with the URLs of its sources, as Node.js makes them.
 *
 * @throws where it is none
 */
export function parsed({ text, url }: FoundSourceMap): SourceMapData {
  return withUrls(JSON.parse(text), url);
}

function withUrls({ sourceRoot, ...data }: SourceMapData, url: string): SourceMapData {
  if (typeof data.mappings !== 'string' && !Array.isArray(data.sections)) throw new TypeError('it is no source map');
  const root = sourceRoot ? sourceRoot.replace(/\/?$/, '/') : '';
  return {
    ...data,
    ...(data.sources && {
      sources: data.sources.map((source) => (source === null ? null : new URL(root + source, url).href)),
    }),
    ...(data.sections && {
      sections: data.sections.map((section) => ({ ...section, map: withUrls(section.map, url) })),
    }),
  };
}

/** Where a place comes from: its line counts from 1, its column from 0. */
export type FindsOriginal = (line: number, column: number) => Original | undefined;

/** @throws where it is no map */
export function originals(data: SourceMapData): FindsOriginal {
  const { SourceMap } = process.getBuiltinModule('node:module');
  return originalsIn(new SourceMap(data as SourceMapPayload));
}

/** @param map as Node.js has it */
export function originalsIn(map: SourceMap): FindsOriginal {
  return (line, column) => {
    const { originalSource, originalLine } = map.findEntry(line - 1, column) as Partial<SourceMapping>;
    if (typeof originalSource !== 'string' || originalLine === undefined) return undefined;
    const file = originalSource.startsWith('file:') ? fileURLToPath(originalSource) : originalSource;
    return { file, line: originalLine + 1 };
  };
}

/** The text of a file. Undefined where it is another thing, or too large. */
export function readRegularFile(path: string): string | undefined {
  // To open a device may do something already.
  if (!statSync(path).isFile()) return undefined;
  const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = fstatSync(file);
    if (!stats.isFile() || stats.size > LARGEST) return undefined;
    const bytes = Buffer.allocUnsafe(stats.size);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, length);
    }
    return bytes.toString('utf8', 0, length);
  } finally {
    closeSync(file);
  }
}

function dataOf(url: string): string | undefined {
  const comma = url.indexOf(',');
  if (comma < 0 || url.length > LARGEST) return undefined;
  const data = url.slice(comma + 1);
  return url.slice(0, comma).endsWith(';base64') ? Buffer.from(data, 'base64').toString() : decodeURIComponent(data);
}

const urlOf = (file: string) => (file.includes('://') ? file : pathToFileURL(file).href);
