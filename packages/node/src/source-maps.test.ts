import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { originals, parsed, readRegularFile, readSourceMap, sourceMapOf } from './source-maps.js';

/** Of a file of one line: its second column comes from line 3 of the first source. */
const MAP = { version: 3, sources: ['a.ts', 'b.ts'], names: [], mappings: 'AAAA,CAEA,CCDA' };

describe('source maps of files', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-maps-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const file = () => join(folder, 'main.js');
  const first = (named: string) => {
    const found = readSourceMap(named, file());
    return found && originals(parsed(found))(1, 1);
  };

  it('are what the last comment names', () => {
    assert.equal(sourceMapOf('//# sourceMappingURL=a.map\nf()\n//# sourceMappingURL=b.map\n'), 'b.map');
    assert.equal(sourceMapOf('/*# sourceMappingURL=a.map */'), 'a.map');
    for (const none of ['f()', 'sourceMappingURL=a', '"sourceMappingURL=a"', '// sourceMappingURL=a']) {
      assert.equal(sourceMapOf(none), undefined, none);
    }
  });

  it('are read from beside the file, by a path, by a URL, and from the text itself', () => {
    const json = JSON.stringify(MAP);
    mkdirSync(join(folder, 'maps'));
    for (const path of ['main.js.map', 'maps/main map.json']) writeFileSync(join(folder, path), json);
    const beside = { file: join(folder, 'a.ts'), line: 3 };
    assert.deepEqual(first('main.js.map'), beside);
    assert.deepEqual(first(join(folder, 'main.js.map')), beside);
    assert.deepEqual(first(pathToFileURL(join(folder, 'main.js.map')).href), beside);
    assert.deepEqual(first('maps/main%20map.json'), { file: join(folder, 'maps/a.ts'), line: 3 });
    assert.deepEqual(first(`data:application/json;base64,${Buffer.from(json).toString('base64')}`), beside);
    assert.deepEqual(first(`data:application/json;charset=utf-8,${encodeURIComponent(json)}`), beside);
  });

  it('may have a root, and sections', () => {
    const put = (map: object) => writeFileSync(join(folder, 'main.js.map'), JSON.stringify(map));
    put({ ...MAP, sourceRoot: '../src' });
    assert.deepEqual(first('main.js.map'), { file: join(folder, '../src/a.ts'), line: 3 });
    put({ ...MAP, sourceRoot: 'webpack://app/' });
    assert.deepEqual(first('main.js.map'), { file: 'webpack://app/a.ts', line: 3 });
    put({ version: 3, sections: [{ offset: { line: 0, column: 0 }, map: { ...MAP, sourceRoot: 'lib' } }] });
    assert.deepEqual(first('main.js.map'), { file: join(folder, 'lib/a.ts'), line: 3 });
  });

  it('are not waited for: what is no file, or too large, is not read', function () {
    this.timeout(5000);
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    symlinkSync('/dev/zero', join(folder, 'zeros'));
    symlinkSync('/dev/tty', join(folder, 'terminal'));
    mkdirSync(join(folder, 'folder'));
    writeFileSync(join(folder, 'huge'), '');
    truncateSync(join(folder, 'huge'), 2 ** 31);
    for (const name of [
      'pipe',
      'zeros',
      'terminal',
      'folder',
      'huge',
      'missing',
      'http://192.0.2.1/main.js.map',
      'data:x',
    ]) {
      assert.equal(readSourceMap(name, file()), undefined, name);
    }
    for (const name of ['pipe', 'zeros', 'folder', 'huge']) {
      const path = join(folder, name);
      assert.equal(readRegularFile(path), undefined, name);
    }
  });

  it('that are none are none', () => {
    writeFileSync(join(folder, 'main.js.map'), '{');
    assert.throws(() => first('main.js.map'), SyntaxError);
    assert.equal(first('data:application/json,%E0%A4%A'), undefined);
    assert.equal(readSourceMap('//[', file()), undefined);
  });
});
