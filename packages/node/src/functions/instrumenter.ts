// From a file that is loaded to what Node.js compiles of it. Never throws: a file that cannot be had with probes is loaded as it is, and told.

import { SourceCache } from './cache.js';
import { canBeKnown, firstIdOf, type InstrumentedFile, makeKnown } from './functions.js';
import { messageOf } from './message.js';
import { instrument, type Returns } from './transform.js';

export interface Counts {
  /** That have probes now. */
  files: number;
  functions: number;
  /** That were meant and have none, with the reason. */
  skipped: { file: string; reason: string }[];
}

export interface InstrumenterOptions {
  wants(path: string): boolean;
  returns: Returns;
  /** As transform.ts has it. */
  check: string;
  /** Called with each file that has probes. */
  made(firstId: number, file: InstrumentedFile): void;
  skipped(file: string, reason: string): void;
}

/** @returns what makes a file's text from its own. `name` is its path, or a URL. */
export function instrumenter({ wants, returns, check, made, skipped }: InstrumenterOptions) {
  const cache = new SourceCache();
  return (source: string, name: string, kind?: 'commonjs' | 'module'): string => {
    try {
      if (!wants(name)) return source;
      const hash = hashOf(returns, check, kind ?? '', name, source);
      const firstId = firstIdOf(hash);
      const make = () => instrument(source, { kind, returns, check, firstId });
      // Half of a surrogate pair, which a transpiler may have made, would not come back from a file as it was.
      const result = isWellFormed(source) ? cache.get(hash, make) : make();
      if (!result) return source;
      const { code, functions } = result;
      const file: InstrumentedFile = { name, functions, sourceMap: sourceMapOf(source) };
      if (!canBeKnown(firstId, file)) throw new Error('its functions can have no ids of their own');
      made(firstId, file);
      return code;
    } catch (error) {
      skipped(name, error instanceof SyntaxError && !IS_JAVASCRIPT.test(name) ? withRemedy(error) : messageOf(error));
      return source;
    }
  };
}

const IS_JAVASCRIPT = /\.[cm]?js$/;

/** Loaders that are registered later are seen, but not by a function of Node.js's that the program had taken before. */
const withRemedy = ({ message }: SyntaxError) =>
  `${message}: something makes JavaScript of it only later; load that first, as in --import LOADER --import @sonde/node/register`;

/** Makes known in this thread what was made, and counts. */
export function counting(counts: Counts): Pick<InstrumenterOptions, 'made' | 'skipped'> {
  return {
    made(firstId, file) {
      makeKnown(firstId, file);
      counts.files++;
      counts.functions += file.functions.length;
    },
    skipped(file, reason) {
      counts.skipped.push({ file, reason });
    },
  };
}

const isWellFormed = (text: string): boolean => (text as string & { isWellFormed(): boolean }).isWellFormed();

/** Of this package's way to insert: another one makes other texts. */
const FORMAT = '3';

export function hashOf(...parts: string[]): string {
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256');
  for (const part of [FORMAT, ...parts]) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}

const SOURCE_MAP = 'sourceMappingURL=';

/** The last of the text, as Node.js takes it. */
export function sourceMapOf(source: string): string | undefined {
  const at = source.lastIndexOf(SOURCE_MAP);
  if (at < 3 || !/\/[/*][#@] $/.test(source.slice(Math.max(0, at - 4), at))) return undefined;
  return /^[^\s'"*]+/.exec(source.slice(at + SOURCE_MAP.length))?.[0];
}
