// Where a line of a file that was made from others comes from. Only while somebody traces, and only
// for files with functions that ran.
import { statSync } from 'node:fs';
import { composed } from '../functions/composed-map.js';
import { runningText } from '../functions/start.js';
import {
  type FindsOriginal,
  type Original,
  originals,
  originalsIn,
  parsed,
  readRegularFile,
  readSourceMap,
  sourceMapOf,
} from '../source-maps.js';

/** How many files' source maps are kept, and for how long a file is taken for what it was. */
const MOST_FILES = 100;
const KEPT_MS = 1000;

interface Kept {
  finds: FindsOriginal;
  changed: number;
  looked: number;
}

export class SourceLines {
  /** The one that was used last is the last. */
  private readonly files = new Map<string, Kept>();

  /**
   * The original place of a line and column, both from 1, of the file of this path. Undefined where
   * it has no source map, or one that cannot be read.
   */
  original(path: string, line: number, column: number): Original | undefined {
    try {
      return this.of(path)(line, Math.max(0, column - 1));
    } catch {
      return undefined;
    }
  }

  private of(path: string): FindsOriginal {
    const now = Date.now();
    let kept = this.files.get(path);
    if (!kept || now - kept.looked > KEPT_MS) {
      const changed = statSync(path).mtimeMs;
      if (kept?.changed !== changed) kept = { finds: read(path), changed, looked: now };
      kept.looked = now;
    }
    this.files.delete(path);
    this.files.set(path, kept);
    if (this.files.size > MOST_FILES) this.files.delete(this.files.keys().next().value!);
    return kept.finds;
  }
}

const NONE: FindsOriginal = () => undefined;

/** Never throws. */
function read(path: string): FindsOriginal {
  try {
    return nodes(path) ?? own(path) ?? NONE;
  } catch {
    return NONE;
  }
}

/** Where Node.js itself was told to use source maps. */
function nodes(path: string): FindsOriginal | undefined {
  const map = process.getBuiltinModule('node:module').findSourceMap(path);
  return map && originalsIn(map);
}

function own(path: string): FindsOriginal | undefined {
  const text = readRegularFile(path);
  const named = text === undefined ? undefined : sourceMapOf(text);
  const found = named === undefined ? undefined : readSourceMap(named, path);
  if (!found) return undefined;
  // V8 counts what was inserted.
  const code = runningText(path, text!);
  return originals(code === undefined ? parsed(found) : composed(code, found));
}
