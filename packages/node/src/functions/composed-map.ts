// What was inserted moves columns, and so it does with what source maps say of them. Who reads
// places in what runs (stacks with `--enable-source-maps`, debuggers) is given a map of that: the
// one that the file has, moved as its text was; or one that leads back to the file itself.
import type { SourceMapSegment } from '@jridgewell/sourcemap-codec';
import { type FoundSourceMap, parsed, type SourceMapData } from '../source-maps.js';
import { ownPackage } from './own-packages.js';
import { insertionsIn } from './transform.js';

/**
 * The map of a file's own text, for what was made of that by insertions.
 *
 * @throws where it is no map
 */
export function composed(code: string, found: FoundSourceMap): SourceMapData {
  return moved(parsed(found), columnsIn(code), { line: 0, column: 0 });
}

/**
 * A map to the file's own text: of each word and sign, since it is not asked for what lies between.
 */
export function toItself(code: string, source: string, url: string): SourceMapData {
  const { encode } = codec();
  const columns = columnsIn(code);
  const segments = linesOf(source).map((text, line) => {
    const starts = [0, ...Array.from(text.matchAll(/[\w$]+|[^\w\s$]/g), ({ index }) => index), text.length];
    return starts.map((column): SourceMapSegment => [columns(line, column), 0, line, column]);
  });
  return {
    version: 3,
    sources: [url],
    sourcesContent: [source],
    names: [],
    mappings: encode(segments),
  } as SourceMapData;
}

type Place = { line: number; column: number };

/** Where a column of the file's own text is. Lines and columns count from 0. */
type Columns = (line: number, column: number) => number;

/** @param from where the map, or the section of one, begins */
function moved({ sections, mappings, ...rest }: SourceMapData, columns: Columns, from: Place): SourceMapData {
  if (sections) {
    return {
      ...rest,
      sections: sections.map(({ offset, map }) => {
        const begin = { line: from.line + offset.line, column: (offset.line === 0 ? from.column : 0) + offset.column };
        const column = columns(begin.line, begin.column) - (offset.line === 0 ? columns(from.line, from.column) : 0);
        return { offset: { line: offset.line, column }, map: moved(map, columns, begin) };
      }),
    };
  }
  const { decode, encode } = codec();
  const lines = decode(mappings ?? '');
  lines.forEach((segments, index) => {
    const line = from.line + index;
    const begin = index === 0 ? from.column : 0;
    const movedBegin = index === 0 ? columns(line, begin) : 0;
    for (const segment of segments) segment[0] = columns(line, begin + segment[0]) - movedBegin;
  });
  return { ...rest, mappings: encode(lines) };
}

function columnsIn(code: string): Columns {
  const lines = linesOf(code).map((text) => insertionsIn(text));
  return (line, column) => {
    const insertions = lines[line];
    if (!insertions || insertions.length === 0) return column;
    // The last that begins there, or before.
    let [low, high] = [0, insertions.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (insertions[middle]!.column <= column) low = middle + 1;
      else high = middle;
    }
    return column + (low === 0 ? 0 : insertions[low - 1]!.length);
  };
}

/** As V8 counts them. */
const linesOf = (text: string): string[] => text.split(/\r\n|[\n\r\u2028\u2029]/);

const codec = () => ownPackage('@jridgewell/sourcemap-codec') as typeof import('@jridgewell/sourcemap-codec');
