// The `sonde` command, as somebody types it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Scene } from './scene.js';
import type { Tracer } from './tracer.js';

export const COMMAND = fileURLToPath(new URL('../../../packages/cli/bin/sonde.js', import.meta.url));

export interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs it to its own end. */
export function sonde(...args: string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

/** Runs it to its own good end, and returns the JSON that it prints. */
export function sondeJson<Told>(...args: string[]): Told {
  const { status, stdout, stderr } = sonde(...args, '--json');
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

/** Starts it; it goes on until it is stopped. */
export function startSonde(scene: Scene, args: readonly string[], through: readonly string[] = []): Tracer {
  const [command, ...rest] = [...through, process.execPath, COMMAND, ...args];
  return scene.tracer(command!, rest);
}

/** Starts it, and waits until it traces. */
export async function tracing(scene: Scene, ...args: string[]): Promise<Tracer> {
  const command = startSonde(scene, args);
  await command.shows(/^sonde: (tracing|counting) /m);
  return command;
}

/** What a process has left in the kernel's tracer. */
export function leftInKernel(pid: number): string[] {
  return ['instances', 'events'].flatMap((folder) =>
    readdirSync(`/sys/kernel/tracing/${folder}`)
      .filter((name) => name.startsWith(`sonde_${pid}_`))
      .map((name) => `${folder}/${name}`),
  );
}
