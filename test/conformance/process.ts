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
    node: [node, ...options] = [process.execPath],
    env = {},
  }: {
    backend: string;
    unwritable?: boolean | undefined;
    preload?: URL;
    /** The command that starts Node.js. */
    node?: readonly [string, ...string[]];
    env?: NodeJS.ProcessEnv;
  },
): void {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-conformance-'));
  const SONDE_DIR = unwritable ? join(process.execPath, 'no-directory') : folder;
  try {
    const { status, stdout, stderr } = spawnSync(
      node,
      [
        ...options,
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
