import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { addonFiles, openAddon } from './addon-files.js';

const COMPILED = fileURLToPath(new URL('../addon/build/Release/sonde.node', import.meta.url));
const SYSTEM = `${process.platform}-${process.arch}`;
const TAGS = process.platform === 'linux' ? ['.glibc', '.musl'] : [''];

describe('The files of an addon', () => {
  let count = 0;
  let folder: string;
  let name: { package: string; target: string; file: string };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-addon-files-'));
    // Packages that were found are remembered.
    name = {
      package: `@some/package-${count++}`,
      target: 'some',
      file: pathToFileURL(join(folder, 'dist/main.js')).href,
    };
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('are the one compiled here, then those of prebuildify: on Linux for the C library that the system has first', () => {
    const expected = [put('build/Release/some.node'), ...TAGS.map((tag) => put(prebuilt(tag)))];
    put(prebuilt(`.abi1${TAGS[0]}`));
    assert.deepEqual(addonFiles(name), expected);
  });

  it('are those for one line of Node.js, where there is one for each', () => {
    put(prebuilt(`.abi114${TAGS[0]}`));
    const expected = put(prebuilt(`.abi115${TAGS[0]}`));
    assert.deepEqual(addonFiles({ ...name, abi: '115' }), [expected]);
  });

  it('are what node-gyp-build finds, where there are none of these', () => {
    const expected = put(`prebuilds/${SYSTEM}/node.napi.node`);
    assert.deepEqual(addonFiles(name), [expected]);
  });

  it('are none, where there are none', () => {
    put('binding.gyp');
    assert.deepEqual(addonFiles(name), []);
  });

  it('are found in the folder of the package itself, which lies in no node_modules here', () => {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: name.package }));
    const file = join(folder, 'addon/build/Release/some.node');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
    assert.deepEqual(addonFiles(name), [file]);
  });

  it('are loaded in this order, until one can be loaded and is the right one', () => {
    const [broken, wrong, right] = ['broken', 'wrong', 'right'].map((each) => put(`${each}.node`)) as [
      string,
      string,
      string,
    ];
    for (const file of [wrong, right]) cpSync(COMPILED, file);
    const checked: string[] = [];
    const check = (_exports: object, file: string) => {
      checked.push(file);
      if (file === wrong) throw new Error('the wrong one');
    };
    assert.ok('makeProbe' in openAddon([broken, wrong, right], check));
    assert.deepEqual(checked, [wrong, right]);
    assert.throws(() => openAddon([broken, wrong], check), /broken\.node/);
    assert.throws(() => openAddon([wrong, broken], check), /the wrong one/);
  });

  it('say where a package should be that is not there', () => {
    assert.throws(
      () => addonFiles(name),
      new RegExp(
        `^Error: ${name.package} is not in node_modules of ${folder}/dist/main\\.js or above: .* so install ${name.package}`,
      ),
    );
  });

  function prebuilt(tags: string): string {
    return `prebuilds/${SYSTEM}/${name.package.replace('/', '+')}${tags}.node`;
  }

  /** Makes a file of the addon's, in a package that is installed. */
  function put(path: string): string {
    const place = join(folder, 'node_modules', name.package);
    const file = join(place, 'addon', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
    const nodeGypBuild = join(place, 'node_modules/node-gyp-build');
    if (!existsSync(nodeGypBuild)) {
      mkdirSync(dirname(nodeGypBuild));
      symlinkSync(dirname(createRequire(import.meta.url).resolve('node-gyp-build/package.json')), nodeGypBuild);
    }
    return file;
  }
});
