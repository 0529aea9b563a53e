import { strictEqual } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');
const suite = fileURLToPath(new URL('run.js', import.meta.url));
// Linux's backends run where there is an addon for them; the rest of the suite runs everywhere.
const backends = process.platform === 'linux' ? ['noop', 'systemtap'] : ['noop'];

describe('conformance', () => {
  for (const backend of backends) {
    it(`of ${backend}, in a process that has chosen it`, function () {
      this.timeout(300_000);
      const SONDE_DIR = mkdtempSync(join(tmpdir(), 'sonde-conformance-'));
      try {
        const { status, stdout, stderr } = spawnSync(
          process.execPath,
          ['--enable-source-maps', mocha, '--no-config', '--timeout=60000', suite],
          { env: { ...process.env, SONDE_BACKEND: backend, SONDE_DIR, SONDE_REQUIRE: '1' }, encoding: 'utf8' },
        );
        strictEqual(status, 0, `${stdout}\n${stderr}`);
        console.log(stdout.trimEnd());
      } finally {
        rmSync(SONDE_DIR, { recursive: true });
      }
    });
  }
});
