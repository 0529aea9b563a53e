import assert from 'node:assert/strict';
import { SourceMap } from 'node:module';
import { transformSync } from 'esbuild';
import { composed, toItself } from './composed-map.js';
import { CASES } from './test-cases.js';
import { insertionsIn, instrument, type Returns, withoutInsertions } from './transform.js';

/** The cases as a program of many functions. */
const PROGRAM = Object.values(CASES)
  .filter((body) => !/<!--|'use asm'|use strict/.test(body))
  .map((body, index) => `async function case${index}() {\n${body}\n}\n`)
  .join('');

interface Place {
  line: number;
  column: number;
}

/** All places of words in a text, counted from 0. */
function* places(text: string): Generator<Place & { word: string }> {
  for (const [line, of] of text.split('\n').entries()) {
    for (const { 0: word, index } of of.matchAll(/[\w$]+/g)) yield { line, column: index, word };
  }
}

/** Where a place of a text is in what was made of it. */
function moved(code: string, { line, column }: Place): Place {
  const insertions = insertionsIn(code.split('\n')[line]!);
  const before = insertions.filter((insertion) => insertion.column <= column).at(-1);
  return { line, column: column + (before?.length ?? 0) };
}

const at = (map: SourceMap, { line, column }: Place) => {
  const { originalSource, originalLine, originalColumn } = map.findEntry(line, column) as Record<string, unknown>;
  return [originalSource, originalLine, originalColumn];
};

describe('source maps of what has probes in its functions', () => {
  for (const returns of ['fast', 'exact'] satisfies Returns[]) {
    for (const minifyWhitespace of [false, true]) {
      it(`lead where the file's own leads: ${returns}, ${minifyWhitespace ? 'in one line' : 'in many'}`, () => {
        const { code: source, map } = transformSync(PROGRAM, {
          loader: 'js',
          sourcemap: true,
          sourcefile: 'src/program.js',
          minifyWhitespace,
        });
        const url = 'file:///app/dist/program.js.map';
        const { code } = instrument(source, { returns, firstId: 7, check: '__sonde.e[0]!==15' })!;
        assert.equal(withoutInsertions(code), source);
        const [own, made] = [JSON.parse(map), composed(code, { text: map, url })].map((each) => new SourceMap(each));
        let count = 0;
        for (const place of places(source)) {
          const { line, column } = moved(code, place);
          assert.equal(code.split('\n')[line]!.slice(column, column + place.word.length), place.word);
          const [file, ...rest] = at(made!, { line, column });
          const [name, ...originals] = at(own!, place);
          assert.deepEqual([file, rest], [new URL(String(name), url).href, originals]);
          count++;
        }
        assert.ok(count > 1000, `${count} places`);
      });
    }
  }

  it('lead through sections', () => {
    const source = 'const a = () => 1; const b = () => 2;\nconst c = () => 3;';
    const { code } = instrument(source, { returns: 'fast', firstId: 7, check: 'false' })!;
    const section = (line: number, column: number, name: string) => ({
      offset: { line, column },
      // Its first column, and its seventh.
      map: { version: 3, sources: [name], names: [], mappings: 'AAAA,MAAM' },
    });
    const text = JSON.stringify({
      version: 3,
      sections: [section(0, 0, 'a'), section(0, 19, 'b'), section(1, 0, 'c')],
    });
    const map = new SourceMap(composed(code, { text, url: 'file:///app/x.js' }) as never);
    for (const [line, column, name] of [
      [0, 6, 'a'],
      [0, 25, 'b'],
      [1, 6, 'c'],
    ] as const) {
      const place = moved(code, { line, column });
      assert.equal(code.split('\n')[line]![place.column], name);
      assert.deepEqual(at(map, place), [`file:///app/${name}`, 0, 6]);
    }
  });

  it('lead to the file itself, where it has none', () => {
    const { code } = instrument(PROGRAM, { returns: 'exact', firstId: 7, check: 'false' })!;
    const map = new SourceMap(toItself(code, PROGRAM, 'file:///app/program.js') as never);
    for (const place of places(PROGRAM)) {
      assert.deepEqual(at(map, moved(code, place)), ['file:///app/program.js', place.line, place.column]);
    }
  });

  it('are not there where the own one is none', () => {
    for (const text of ['{', '[]', '{"version":3,"sources":[],"mappings":5}']) {
      assert.throws(() => composed('', { text, url: 'file:///app/x.js' }), text);
    }
  });
});
