import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Status } from 'sonde';

export const PROGRAM = fileURLToPath(new URL('program.js', import.meta.url));
export const NOBODY = 65534;

export type ProviderStatus = Status['providers'][0];

/**
 * Runs the program and returns its one provider's status. It must run whatever there is, and print
 * nothing else.
 */
export function runProgram(env: NodeJS.ProcessEnv, before: readonly string[] = []): ProviderStatus {
  const { SONDE_DIR: _, XDG_RUNTIME_DIR: __, ...clean } = process.env;
  const [command, ...args] = [...before, process.execPath, PROGRAM] as unknown as [string, ...string[]];
  const { status, signal, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 20_000,
    env: { ...clean, SONDE_BACKEND: 'systemtap', ...env },
  });
  assert.deepEqual([status, signal, stderr], [0, null, '']);
  const told: Status = JSON.parse(stdout);
  assert.equal(told.backend, env.SONDE_BACKEND ?? 'systemtap');
  return told.providers[0]!;
}

/**
 * The folder was refused, for this reason, and the object mapped from memory: the probes are there
 * all the same.
 */
export function assertRefused({ location, reason, probes }: ProviderStatus, why: RegExp): void {
  assert.match(reason ?? 'no reason', why);
  assert.match(location!, /^\/proc\/\d+\/fd\/\d+$/);
  assert.equal(probes[0]!.tracer, `usdt:${location}:files:probe`);
  assert.equal(probes[0]!.errors, 0);
}
