// From a file that is loaded to what Node.js compiles of it. Never throws: a file that cannot be
// had with probes is loaded as it is, and told.

import { pathToFileURL } from 'node:url';
import { messageOf } from 'sonde/internal';
import { readSourceMap, sourceMapOf } from '../source-maps.js';
import { type Made, SourceCache } from './cache.js';
import { composed, toItself } from './composed-map.js';
import { checkCanBeKnown, firstIdOf, type InstrumentedFile, isKnown, placesOf } from './functions.js';
import type { Mapped } from './mapped.js';
import { instrument, type Returns, withSourceMap } from './transform.js';

export interface InstrumenterOptions {
  wants(path: string): boolean;
  returns: Returns;
  /** As transform.ts has it. */
  check: string;
  maps(): Mapped;
  /** Called with each file that has probes. */
  made(firstId: number, file: InstrumentedFile): void;
  skipped(file: string, reason: string): void;
}

type Kind = 'commonjs' | 'module' | undefined;

export interface Instrumenter {
  /** A file's text with probes in it, from its own. `name` is its path, or a URL. */
  transform(source: string, name: string, kind?: Kind): string;
  /**
   * The same, of a text that may have been loaded before, here or in another thread. Undefined
   * where it was not, as far as one can tell.
   */
  loaded(source: string, name: string): string | undefined;
}

export function instrumenter({ wants, returns, check, maps, made, skipped }: InstrumenterOptions): Instrumenter {
  const cache = new SourceCache();
  const hash = (source: string, name: string, kind: Kind) => hashOf(returns, check, kind ?? '', name, source);

  return { transform, loaded };

  function transform(source: string, name: string, kind?: Kind): string {
    try {
      if (!wants(name)) return source;
      const hashed = hash(source, name, kind);
      const firstId = firstIdOf(hashed);
      const result = make(source, hashed, kind);
      if (!result) return source;
      const { code, functions } = result;
      // Of the code, which V8 keeps in any case: a part of a text keeps all of it.
      const sourceMap = sourceMapOf(code);
      const file = { name, functions, sourceMap };
      checkCanBeKnown(firstId, file);
      const url = mapOf(hashed, source, code, file);
      made(firstId, file);
      return url === undefined ? code : withSourceMap(code, url);
    } catch (error) {
      skipped(name, error instanceof SyntaxError && !IS_JAVASCRIPT.test(name) ? withRemedy(error) : messageOf(error));
      return source;
    }
  }

  function make(source: string, hashed: string, kind: Kind): Made | undefined {
    const firstId = firstIdOf(hashed);
    const inserted = () => {
      const result = instrument(source, { kind, returns, check, firstId });
      return result && { code: result.code, functions: placesOf(result.functions) };
    };
    // Half of a surrogate pair, which a transpiler may have made, would not come back from a file
    // as it was.
    return isWellFormed(source) ? cache.get(hashed, inserted) : inserted();
  }

  function loaded(source: string, name: string): string | undefined {
    if (!wants(name)) return undefined;
    const hashes = KINDS.map((kind) => ({ kind, hashed: hash(source, name, kind) }));
    const known = hashes.find(({ hashed }) => isKnown(firstIdOf(hashed)));
    if (known) return make(source, known.hashed, known.kind)?.code;
    for (const { hashed } of hashes) {
      const found = cache.find(hashed);
      if (found) return found.code;
    }
    return undefined;
  }

  /**
   * The URL of a source map for the code. Whatever is wrong with the file's own, the program runs
   * with that.
   */
  function mapOf(
    hashed: string,
    source: string,
    code: string,
    { name, sourceMap }: InstrumentedFile,
  ): string | undefined {
    const mapped = maps();
    if (mapped === 'none' || (mapped === 'own' && sourceMap === undefined)) return undefined;
    try {
      if (sourceMap === undefined) {
        const url = name.includes('://') ? name : pathToFileURL(name).href;
        return cache.map(hashOf(hashed), () => JSON.stringify(toItself(code, source, url)));
      }
      const own = readSourceMap(sourceMap, name);
      return own && cache.map(hashOf(hashed, own.text), () => JSON.stringify(composed(code, own)));
    } catch {
      return undefined;
    }
  }
}

const KINDS: readonly Kind[] = ['module', 'commonjs', undefined];

const IS_JAVASCRIPT = /\.[cm]?js$/;

/**
 * Loaders that are registered later are seen, but not by a function of Node.js's that the program
 * had taken before.
 */
const withRemedy = ({ message }: SyntaxError) =>
  `${message}: something makes JavaScript of it only later; load that first, as in --import LOADER --import @sonde/node/register`;

const isWellFormed = (text: string): boolean => (text as string & { isWellFormed(): boolean }).isWellFormed();

/** Of this package's way to insert: another one makes other texts. */
const FORMAT = '3';

export function hashOf(...parts: string[]): string {
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256');
  for (const part of [FORMAT, ...parts]) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}
