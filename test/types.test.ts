// What the compiler must refuse, with the messages it gives for it; and what it must take.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const folder = fileURLToPath(new URL('../types/', import.meta.url));

/** The compiler's errors by line, for one file of test/types. */
function errors(file: string): Map<number, string> {
  const { stdout } = spawnSync(process.execPath, [tsc, '--project', folder, '--pretty', 'false'], { encoding: 'utf8' });
  const found = new Map<number, string>();
  for (const [, name, line, message] of stdout.matchAll(/^(\S+)\((\d+),\d+\): error TS\d+: (.*)$/gm)) {
    if (name!.endsWith(file)) found.set(Number(line), message!);
  }
  return found;
}

describe('the types', function () {
  this.timeout(120_000);

  it('refuse each wrong use, and say why', () => {
    const lines = readFileSync(`${folder}wrong-uses.ts`, 'utf8').split('\n');
    const found = errors('wrong-uses.ts');
    const surprises = lines.flatMap((line, index) => {
      const expected = /\/\/ error: (.*)$/.exec(line)?.[1];
      const actual = found.get(index + 1);
      const asExpected = expected === undefined ? actual === undefined : actual?.includes(expected);
      return asExpected ? [] : [`${line}\n    the compiler says: ${actual ?? 'nothing'}`];
    });
    assert.deepEqual(surprises, []);
    assert.ok(found.size >= 20);
  });

  it('take each right use', () => {
    assert.deepEqual([...errors('right-uses.ts')], []);
  });
});
