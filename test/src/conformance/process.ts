import { strictEqual } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');

/** Runs a suite for a backend in a process of its own, and shows what it says. */
export function runConformance(
  suite: URL,
  {
    backend,
    unwritable = false,
    preload,
    env = {},
  }: { backend: string; unwritable?: boolean | undefined; preload?: URL; env?: NodeJS.ProcessEnv },
): void {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-conformance-'));
  const SONDE_DIR = unwritable ? join(process.execPath, 'no-directory') : folder;
  try {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        '--enable-source-maps',
        ...(preload ? ['--import', preload.href] : []),
        mocha,
        '--no-config',
        '--timeout=60000',
        fileURLToPath(suite),
      ],
      { env: { ...process.env, SONDE_BACKEND: backend, SONDE_DIR, SONDE_REQUIRE: '1', ...env }, encoding: 'utf8' },
    );
    strictEqual(status, 0, `${stdout}\n${stderr}`);
    console.log(stdout.trimEnd());
  } finally {
    rmSync(folder, { recursive: true });
  }
}
