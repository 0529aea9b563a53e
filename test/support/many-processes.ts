// Programs of fixtures/ of which many run at once, with one directory of probe objects.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Told } from '../fixtures/short-program.js';
import type { Scene } from './scene.js';

/** Where a program's objects are, and what is to be done after the test. */
type Place = Pick<Scene, 'objects' | 'defer'>;

export function start(place: Place, fixture: string, ...args: string[]): ChildProcess {
  const path = fileURLToPath(new URL(`../fixtures/${fixture}.js`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], {
    env: { ...process.env, SONDE_BACKEND: 'systemtap', SONDE_DIR: place.objects },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  place.defer(() => child.kill('SIGKILL'));
  return child;
}

/**
 * Lets processes of short-program go on, all at once when all are there; what they tell at their
 * end, which is a good one.
 */
export async function goAll(processes: readonly ChildProcess[]): Promise<Told[]> {
  const outputs = processes.map(({ stdout }) => text(stdout!));
  const ends = processes.map((child) => once(child, 'exit'));
  await Promise.all(processes.map(({ stdout }) => once(stdout!, 'data')));
  for (const { stdin } of processes) stdin!.end('.');
  for (const end of ends) assert.deepEqual(await end, [0, null]);
  return (await Promise.all(outputs)).map((output) => JSON.parse(output.replace('ready\n', '')));
}

/** The file of short-program's object. */
export function objectName({ objects }: Pick<Place, 'objects'>): string {
  const names = readdirSync(objects).filter((name) => /^smtp-[0-9a-f]{40}\.so$/.test(name));
  assert.equal(names.length, 1, names.join());
  return names[0]!;
}
