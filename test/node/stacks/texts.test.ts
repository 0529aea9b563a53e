// What V8 calls functions and files goes into a text file of lines, and then to somebody's
// terminal.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NamesProgram } from '../../support/names-program.js';
import { useScene } from '../../support/scene.js';

/** As it is, and as it may be printed. */
const NAMES: [string, string][] = [
  ['two\nlines', 'two\\x0alines'],
  ['7fff0000 10 forged\r\n', '7fff0000 10 forged\\x0d\\x0a'],
  ['red\x1b[31m', 'red\\x1b[31m'],
  ['\x9b31m of one byte', '\\x9b31m of one byte'],
  ['next\x85line', 'next\\x85line'],
  ['separated\u2028\u2029', 'separated\\u2028\\u2029'],
  ['deleted\x7f', 'deleted\\x7f'],
  ['Grüße, мир, 世界, 🌍', 'Grüße, мир, 世界, 🌍'],
];
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
const PRINTED = /^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$/;

describe('Names in stacks', function () {
  this.timeout(60_000);
  const scene = useScene();

  it('are one line each, without what controls a terminal, in the map and in a jitdump', async () => {
    const program = await NamesProgram.start(scene.current);
    await program.call('enable', { jitdump: true });
    for (const [name] of NAMES) {
      await program.call('call', name);
      await program.call('runFile', `/none/${name}.js`);
    }
    await program.call('flush');
    const map = program
      .names()
      .trimEnd()
      .split('\n')
      .map((line) => /^[0-9a-f]+ [0-9a-f]+ (.*)$/.exec(line)?.[1] ?? line);
    const dump = namesInDump(readFileSync(program.dump));
    for (const names of [map, dump]) {
      for (const name of names) assert.match(name, PRINTED);
      for (const [, printed] of NAMES) {
        assert.ok(
          names.some((name) => name.startsWith(`${printed} `)),
          printed,
        );
        assert.ok(
          names.some((name) => name === `inFile /none/${printed}.js:1`),
          printed,
        );
      }
    }
  });

  it('are so where a source map says what the file was called', async () => {
    const program = await NamesProgram.start(scene.current);
    const file = join(scene.current.folder, 'made.js');
    const map = { version: 3, sources: ['/none/first\x07second\x1b[2J.ts'], names: [], mappings: 'AAAA,SAAS' };
    const url = `//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`;
    writeFileSync(file, `\n${url}\n`);
    await program.call('enable');
    await program.call('runFile', file, url);
    await program.call('flush');
    await program.shows('inFile /none/first\\x07second\\x1b[2J.ts:1\n');
  });
});

/** Of what was loaded. */
function namesInDump(dump: Buffer): string[] {
  const names: string[] = [];
  const LOAD = 0;
  for (let at = dump.readUInt32LE(8); at < dump.length; at += dump.readUInt32LE(at + 4)) {
    if (dump.readUInt32LE(at) === LOAD) names.push(dump.toString('utf8', at + 56, dump.indexOf(0, at + 56)));
  }
  return names;
}
