// perf, and its language for what tests read.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { EveryProbe } from '../fixtures/every-argument.js';
import { type NativeArgument, nativeArguments } from './read-back.js';
import type { Scene } from './scene.js';
import { run } from './tracer.js';
import { removeEventAfter } from './uprobe-events.js';

/** Runs perf. Its cache is the scene's own, and so is its configuration. */
export function perf(scene: Scene, ...args: string[]): Promise<string> {
  return run('perf', [...cache(scene), ...args], { HOME: scene.folder });
}

/**
 * What `perf script` shows of what was recorded meanwhile, of one process or all of them:
 * `EVENT: VALUES`.
 */
export async function record(
  scene: Scene,
  event: string,
  pid: number | undefined,
  work: () => Promise<void>,
): Promise<string[]> {
  const data = join(scene.folder, 'perf.data');
  const whom = pid === undefined ? ['-a'] : ['-p', String(pid)];
  // perf starts the command once its events are on, and records until it ends.
  const command = ['sh', '-c', 'echo recording; read end'];
  const options = ['-o', data, '-e', event, ...whom, '--', ...command];
  const recorder = scene.tracer('perf', [...cache(scene), 'record', ...options], { HOME: scene.folder });
  await recorder.shows(/^recording$/m);
  await work();
  recorder.close();
  await recorder.end();
  const lines = (await perf(scene, 'script', '-i', data, '-F', 'event,trace')).trim().split('\n');
  return lines.map((line) =>
    line
      .trim()
      .replace(/\([0-9a-f]+\) /, '')
      .replace(/: +/, ': '),
  );
}

/**
 * Adds events until the end of the test, `GROUP:PROBE` for each probe, with its arguments by name.
 * `typed` tells perf how to show them; otherwise it is for perf to know how wide each is, and
 * whether it has a sign.
 */
export async function addNamed(
  scene: Scene,
  object: string,
  group: string,
  probes: readonly EveryProbe[],
  { typed }: { typed: boolean },
): Promise<void> {
  const events = probes.map((probe) => {
    removeEventAfter(scene, group, probe);
    const values = nativeArguments(probe).map(
      (argument) => `${argument.name}=${argument.name}${typeOf(argument, typed)}`,
    );
    return `${group}:${probe}=every_${probe} ${values.join(' ')}`;
  });
  await perf(scene, 'probe', '-x', object, ...events.flatMap((event) => ['--add', event]));
}

/**
 * What a line shows of an event that was added so, as read-back.ts has it; of memory there is no
 * more than its address.
 */
export function readByPerf(line: string): string {
  const probe = /(\w+): /.exec(line)?.[1] as EveryProbe;
  const fields = nativeArguments(probe).map(({ name, kind }) => {
    if (kind === 'memory') return `${name}=\\w+`;
    return kind === 'text' ? `${name}="(.*)"` : `${name}=(-?\\w+)`;
  });
  const [, ...read] = new RegExp(`: ${fields.join(' ')}$`).exec(line) ?? assert.fail(line);
  // What has no sign is hexadecimal unless a type asks for another way.
  const values = read.map((value) => (/^0x/.test(value) ? BigInt(value) : value));
  return [probe, ...values].join(' | ');
}

function typeOf({ kind, bits }: NativeArgument, typed: boolean): string {
  if (kind === 'text') return ':string';
  if (!typed || kind === 'memory') return '';
  // `perf script` of version 6.1 shows narrower ones without their sign. There are 64 bits to be
  // read of any.
  return kind === 'signed' ? `:s${Math.max(bits, 32)}` : `:u${bits}`;
}

function cache({ folder }: Scene): string[] {
  return ['--buildid-dir', join(folder, 'buildid')];
}
