// Which functions of a script somebody asked for.
import { readSourceMap, sourceMapOf } from '../source-maps.js';
import type { Script } from './breakpoints.js';
import { type FoundFunction, findFunctions } from './found.js';
import { type Described, originalsOf } from './functions.js';
import { MARK } from './transform.js';
import { isFile } from './wanted.js';
import type { Wish } from './wishes.js';

/** In UTF-16 units: it takes V8 and the parser some hundred milliseconds. */
const LONGEST_SOURCE = 4_000_000;

export interface Meant {
  found: FoundFunction;
  described: Described;
  wishes: Wish[];
  scriptLength: number;
}

/**
 * @param path of the script, or its URL
 * @param sourceOf is called where that is needed
 * @returns undefined where the source is not there any more
 * @throws where the source cannot be read
 */
export function meantIn(
  script: Script,
  path: string,
  all: readonly Wish[],
  sourceOf: () => string | undefined,
): Meant[] | undefined {
  const wishes = all.filter(({ wanted: { file } }) => file === undefined || mayBeFrom(script, path, file));
  if (wishes.length === 0) return [];
  const source = sourceOf();
  if (source === undefined) return undefined;
  const maybe = wishes.filter(({ wanted }) => wanted.mayBeIn(source));
  // It got its probes when it was loaded.
  if (maybe.length === 0 || source.includes(MARK)) return [];
  if (source.length > LONGEST_SOURCE) throw new Error(`it is longer than ${LONGEST_SOURCE} characters`);
  const sourceMap = sourceMapOf(source);
  const original = sourceMap === undefined ? undefined : originalsOf(sourceMap, path);
  const describe = ({ name, start }: Pick<FoundFunction, 'name' | 'start'>): Described => ({
    name,
    file: path,
    line: start.line + script.startLine,
    ...original?.(start.line, start.column),
  });
  const named = maybe.filter(({ wanted: { line } }) => line === undefined);
  const isNamed = ({ wanted }: Wish, fn: Pick<FoundFunction, 'name' | 'start'>) =>
    wanted.isNamed(fn.name) &&
    (wanted.file === undefined || isFile(path, wanted.file) || isFile(describe(fn).file, wanted.file));
  const placed = maybe.filter(({ wanted: { line } }) => line !== undefined);
  const closest = new Map<Wish, Candidate>();
  const found = findFunctions(source, script.isModule, (fn) => {
    if (placed.length > 0) {
      const described = describe(fn);
      const end = fn.end.line + script.startLine;
      const last = original?.(fn.end.line, Math.max(0, fn.end.column - 1))?.line ?? end;
      for (const wish of placed) {
        const { file = '', line = 0 } = wish.wanted;
        // A line is the original's, unless it is the file that runs which is named.
        const [first, until] = isFile(described.file, file)
          ? [described.line, last]
          : [isFile(path, file) ? fn.start.line + script.startLine : Number.NaN, end];
        if (!(line >= first && line <= until)) continue;
        const candidate = { fn, line: first, begins: first === line };
        if (isCloser(candidate, closest.get(wish))) closest.set(wish, candidate);
      }
    }
    return placed.length > 0 || named.some((wish) => isNamed(wish, fn));
  });
  return found.flatMap((fn) => {
    const meant = [
      ...named.filter((wish) => isNamed(wish, fn)),
      ...placed.filter((wish) => {
        const candidate = closest.get(wish)?.fn;
        return candidate?.start === fn.start && candidate.end === fn.end;
      }),
    ];
    if (meant.length === 0) return [];
    return [{ found: fn, described: describe(fn), wishes: meant, scriptLength: source.length }];
  });
}

/** Whether it is the file, or may have been made of it. */
function mayBeFrom({ sourceMap }: Script, path: string, file: string): boolean {
  if (isFile(path, file)) return true;
  if (sourceMap === undefined) return false;
  const name = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
  return readSourceMap(sourceMap, path)?.text.includes(name) === true;
}

interface Candidate {
  fn: Pick<FoundFunction, 'start' | 'end'>;
  line: number;
  begins: boolean;
}

/** The first that begins at the line, or else the innermost that contains it. */
function isCloser(candidate: Candidate, other: Candidate | undefined): boolean {
  if (!other) return true;
  if (other.begins) return false;
  return candidate.begins || candidate.line >= other.line;
}

export function pathOf(url: string): string {
  if (!url.startsWith('file:')) return url;
  try {
    return process.getBuiltinModule('node:url').fileURLToPath(url);
  } catch {
    // A `sourceURL` may be anything.
    return url;
  }
}
