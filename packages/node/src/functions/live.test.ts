import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { functionProbes } from '../probes.js';
import { byHand } from '../test-probes.js';
import { patchWhileTraced } from './live.js';
import { Skipped } from './skipped.js';

const FILES = 12;
/** Of V8 14, which has no LiveEdit any more. */
const HAS_LIVE_EDIT = Number(process.versions.node.split('.')[0]) < 26;

describe('functions of files that are loaded already', function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'sonde-live-'));
  const { provider: node, trace } = byHand('functions_by_hand', functionProbes);
  const setTraced = (isTraced: boolean) => trace('functionEntry', isTraced);
  const skipped = new Skipped();
  let count = () => ({ files: 0, functions: 0 });
  const counts = {
    get files() {
      return count().files;
    },
    get skipped() {
      return skipped.list().skipped;
    },
  };
  const until = async (condition: () => boolean) => {
    for (let i = 0; !condition(); i++) {
      if (i === 5000) assert.fail(`it took more than 50 s: ${JSON.stringify(counts)}`);
      await setTimeout(10);
    }
  };

  before(() => {
    // So long that V8 compares the two versions of its one line as a whole: what is outside of
    // functions seems to have changed.
    writeFileSync(
      join(folder, 'line.mjs'),
      Array.from({ length: 200 }, (_, i) => `export function f${i}() { return ${i} }`).join(' '),
    );
    for (let i = 0; i < FILES; i++) {
      writeFileSync(join(folder, `${i}.cjs`), 'exports.f = function f() {\n  return 1;\n};\n');
      createRequire(import.meta.url)(join(folder, `${i}.cjs`));
    }
    count = patchWhileTraced({
      node,
      wants: (path) => path.startsWith(folder),
      check: 'false',
      skipped,
    });
  });

  after(async () => {
    setTraced(false);
    await until(() => counts.files === 0);
    // A recorder would trace it.
    node.unload();
    rmSync(folder, { recursive: true });
  });

  it('are patched for a tracer that comes while they are restored for the last one', async () => {
    setTraced(true);
    if (!HAS_LIVE_EDIT) {
      await until(() => counts.skipped.length > 0);
      assert.match(counts.skipped[0]!.reason, /no longer available/);
      return;
    }
    await until(() => counts.files === FILES);
    setTraced(false);
    await until(() => counts.files < FILES);
    assert.ok(counts.files > 0, 'it had restored all of them too soon to tell');
    setTraced(true);
    await until(() => counts.files === FILES);
    assert.deepEqual(counts.skipped, []);
  });

  // Elsewhere there is nothing to patch with, which the last test is about.
  if (HAS_LIVE_EDIT) {
    it('are patched in the last versions of a file that is loaded again and again', async () => {
      setTraced(true);
      await until(() => counts.files === FILES);
      const require = createRequire(import.meta.url);
      const path = join(folder, 'changing.cjs');
      for (let i = 0; i < 20; i++) {
        writeFileSync(path, `exports.f = function f${i}() {\n  return ${i};\n};\n`);
        delete require.cache[path];
        require(path);
        await setTimeout(5);
      }
      await until(() => counts.files === FILES + 8);
      await setTimeout(100);
      assert.equal(counts.files, FILES + 8);
      delete require.cache[path];
      setTraced(false);
      await until(() => counts.files === 0);
      setTraced(true);
      await until(() => counts.files >= FILES);
      setTraced(false);
      await until(() => counts.files === 0);
    });
  }

  it('do not keep the program from compiling text with whatever name', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    setTraced(true);
    await setTimeout(200);
    // biome-ignore lint/security/noGlobalEval: the name that it has for the debugger is what is tested.
    assert.equal(globalThis.eval('(function f() { return 1 })() //# sourceURL=file://host/a.js'), 1);
    await setTimeout(50);
    process.off('warning', note);
    assert.deepEqual(warnings, []);
  });

  it('are told once when they cannot be patched, however often a tracer comes, and why', async () => {
    await import(join(folder, 'line.mjs'));
    for (let i = 0; i < 2; i++) {
      setTraced(true);
      await until(() => counts.skipped.length > 0 && (!HAS_LIVE_EDIT || counts.files === FILES));
      setTraced(false);
      await until(() => counts.files === 0);
      await setTimeout(200);
    }
    assert.equal(counts.skipped.length, 1, JSON.stringify(counts.skipped));
    assert.match(
      counts.skipped[0]!.reason,
      HAS_LIVE_EDIT ? /^V8 says BlockedByTopLevelEsModuleChange$/ : /no longer available/,
    );
  });
});
