import { strictEqual } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');
const suite = fileURLToPath(new URL('run.js', import.meta.url));
/** Linux's backends run on Linux; `unwritable` makes them map probe objects from memory. */
const runs: { backend: string; how: string; unwritable?: boolean }[] = [{ backend: 'noop', how: 'as it is' }];
if (process.platform === 'linux') {
  runs.push({ backend: 'systemtap', how: 'with probe objects in files' });
  runs.push({ backend: 'systemtap', how: 'with probe objects in memory', unwritable: true });
}

describe('conformance', () => {
  for (const { backend, how, unwritable } of runs) {
    it(`of ${backend}, ${how}`, function () {
      this.timeout(300_000);
      const folder = mkdtempSync(join(tmpdir(), 'sonde-conformance-'));
      const SONDE_DIR = unwritable ? join(process.execPath, 'no-directory') : folder;
      try {
        const { status, stdout, stderr } = spawnSync(
          process.execPath,
          ['--enable-source-maps', mocha, '--no-config', '--timeout=60000', suite],
          { env: { ...process.env, SONDE_BACKEND: backend, SONDE_DIR, SONDE_REQUIRE: '1' }, encoding: 'utf8' },
        );
        strictEqual(status, 0, `${stdout}\n${stderr}`);
        console.log(stdout.trimEnd());
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }
});
