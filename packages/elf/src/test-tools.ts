import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/**
 * The path of a program that a test needs. Where it is missing, the test is skipped, and says so;
 * with `CI=true` it fails.
 */
export function tool(this: Mocha.Context, name: string): string {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // the next one, then
    }
  }
  return missing(this, name);
}

/** Ends a test that needs what is not there: loudly, and with `CI=true` as a failure. */
export function missing(context: Mocha.Context, name: string): never {
  if (process.env.CI === 'true') throw new Error(`${name} is missing, and this test must not be skipped: CI=true`);
  console.warn(`\n  NOT TESTED: ${context.test?.fullTitle()}\n    because ${name} is missing\n`);
  return context.skip();
}

/** Runs a program to its end; its two outputs, and how it ended. */
export function run(program: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, LC_ALL: 'C', DEBUGINFOD_URLS: '' };
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', env, maxBuffer: 1 << 26 });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** A directory that lives as long as the tests around this call. */
export function temporaryDirectory(): { path: string } {
  const directory = { path: '' };
  before(() => {
    directory.path = mkdtempSync(join(tmpdir(), 'sonde-elf-'));
  });
  after(() => rmSync(directory.path, { recursive: true, force: true }));
  return directory;
}
