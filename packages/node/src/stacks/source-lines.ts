// Where a line of a file that was made from others comes from. Only while somebody traces, and only for files with functions that ran.
import { readFileSync, statSync } from 'node:fs';
import type { SourceMap, SourceMapPayload } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A map that is larger is not read: the program would wait for it. In bytes. */
const LARGEST = 16 * 2 ** 20;

const { findSourceMap, SourceMap: NodeSourceMap } = process.getBuiltinModule('node:module');

interface Mapped {
  map: SourceMap;
  /** What its sources are relative to. */
  folder: string;
}

export class SourceLines {
  private readonly maps = new Map<string, Mapped | undefined>();

  /**
   * The original place of a line and column, both from 1, of the file of this path. Undefined where it has no source map, or one that
   * cannot be read.
   */
  original(path: string, line: number, column: number): { file: string; line: number } | undefined {
    try {
      if (!this.maps.has(path)) this.maps.set(path, read(path));
      const mapped = this.maps.get(path);
      const entry = mapped?.map.findEntry(line - 1, Math.max(0, column - 1));
      if (!mapped || !entry || !('originalSource' in entry) || typeof entry.originalSource !== 'string')
        return undefined;
      const { originalSource, originalLine } = entry;
      const file = originalSource.startsWith('file:')
        ? fileURLToPath(originalSource)
        : /^[a-z][a-z+.-]*:/i.test(originalSource)
          ? originalSource
          : resolve(mapped.folder, originalSource);
      return { file, line: originalLine + 1 };
    } catch {
      this.maps.set(path, undefined);
      return undefined;
    }
  }
}

function read(path: string): Mapped | undefined {
  // Where Node.js itself was told to use them.
  const known = findSourceMap(path);
  if (known) return { map: known, folder: dirname(path) };
  if (statSync(path).size > LARGEST) return undefined;
  const url = [...readFileSync(path, 'utf8').matchAll(/^\/\/[#@] sourceMappingURL=(\S+)\s*$/gm)].at(-1)?.[1];
  if (url === undefined) return undefined;
  const inline = /^data:application\/json(?:;charset=[^;,]+)?(;base64)?,(.*)$/.exec(url);
  if (inline) {
    const [, isBase64, data] = inline;
    return parsed(isBase64 ? Buffer.from(data!, 'base64').toString() : decodeURIComponent(data!), dirname(path));
  }
  const file = url.startsWith('file:') ? fileURLToPath(url) : resolve(dirname(path), decodeURIComponent(url));
  if (statSync(file).size > LARGEST) return undefined;
  return parsed(readFileSync(file, 'utf8'), dirname(file));
}

function parsed(text: string, folder: string): Mapped {
  return { map: new NodeSourceMap(JSON.parse(text) as SourceMapPayload), folder };
}
