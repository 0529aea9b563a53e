// What the tests of this example share.
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const folders: string[] = [];

after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mt-'));
  folders.push(folder);
  return folder;
}

/**
 * Starts one of this example's programs. What it leaves in its temporary folder can be seen there.
 */
export function start(program: string, parameters: string[], temporary: string, env: SpawnOptions['env'] = {}) {
  return spawn(process.execPath, [fileURLToPath(new URL(program, import.meta.url)), ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: temporary, SONDE_BACKEND: '', SONDE_DIR: temporaryFolder(), ...env },
  });
}

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

export async function outcome(child: ReturnType<typeof start>): Promise<Outcome> {
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), ended(child)]);
  return { status: child.exitCode, stdout, stderr };
}

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

export const isEmpty = (folder: string) => readdirSync(folder).length === 0;

/**
 * Goes on only where the tool is installed, and as root if it needs that. Otherwise the test is
 * skipped and says so; under CI=true it fails.
 */
export function needs(context: Mocha.Context, tool: string, { root }: { root: boolean }): void {
  const found = spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;
  const missing = !found ? `${tool} is not installed` : root && process.getuid?.() !== 0 ? 'this user is not root' : '';
  if (missing === '') return;
  const title = context.test?.fullTitle();
  if (process.env.CI === 'true') throw new Error(`${missing}, and under CI=true nothing may go untested: ${title}`);
  console.warn(`\n  NOT TESTED: ${title}\n    because ${missing}\n`);
  context.skip();
}
