import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BUNDLERS, type Bundled } from './test-bundlers.js';
import { type Files, SHAPES, type Shape } from './test-shapes.js';

/** A folder's name that bundlers do not turn into another. */
const folderOf = (name: string) => name.replace(/\W+/g, '-');

describe('a bundle of a program with probes is byte for byte that of the same without them', () => {
  let folder: string;

  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'strip-')));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [name, bundle] of Object.entries(BUNDLERS)) {
    describe(`${name}:`, () => {
      let made: Bundled;
      let wanted: Bundled;
      before(async function () {
        this.timeout(120_000);
        const entries = Object.fromEntries(
          SHAPES.map((shape) => [folderOf(shape.name), join(folderOf(shape.name), shape.entry)]),
        );
        // Both in the same folder: its name is in what some bundlers write.
        const root = join(folder, name);
        for (const shape of SHAPES) write(join(root, folderOf(shape.name)), shape.with);
        made = await bundle(root, entries, {});
        rmSync(root, { recursive: true });
        for (const shape of SHAPES) write(join(root, folderOf(shape.name)), withoutProbes(shape));
        // What webpack and Rspack number modules by has their loaders in it, so that both bundles must have this one.
        wanted = await bundle(root, entries, name === 'webpack' || name === 'Rspack' ? {} : false);
      });

      it('warns of nothing', () => assert.deepEqual(made.warnings, wanted.warnings));

      for (const shape of SHAPES) {
        it(shape.name, () => {
          const code = made.code[folderOf(shape.name)];
          assert.equal(code, wanted.code[folderOf(shape.name)]);
          assert.ok(code);
        });
      }
    });
  }
});

function withoutProbes({ with: files, without, only = [] }: Shape): Files {
  const same = Object.entries(files).filter(([file]) => !only.includes(file));
  return { ...Object.fromEntries(same), ...without };
}

function write(folder: string, files: Files): void {
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), content);
  }
}
