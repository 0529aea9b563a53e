// The programs that are measured: processes of their own, so that none finds another's traces in V8
// or in the kernel.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export const programPath = (name: string) => fileURLToPath(new URL(`programs/${name}.js`, import.meta.url));

/**
 * What is put before a command so that nothing else on this machine interrupts it: the lowest
 * real-time priority, where this user may give it. The kernel leaves a twentieth of the time to all
 * others.
 */
export const UNDISTURBED: readonly string[] =
  spawnSync('chrt', ['--fifo', '1', 'true']).status === 0 ? ['chrt', '--fifo', '1'] : [];

export interface ProgramOptions {
  /** Node.js; the one that runs this unless given. */
  node?: string;
  /** For node. */
  flags?: readonly string[];
  env?: NodeJS.ProcessEnv;
}

/** Runs src/programs/<name>.ts and returns what it printed, as JSON. */
export async function runProgram<Printed>(
  name: string,
  parameters: readonly string[],
  { node = process.execPath, flags = [], env = {} }: ProgramOptions = {},
): Promise<Printed> {
  const [command, ...rest] = [...UNDISTURBED, node, ...flags, programPath(name), ...parameters];
  const child = spawn(command!, rest, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: environment(env),
  });
  const [printed] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (child.exitCode !== 0) throw new Error(`${name} ${parameters.join(' ')} ended with ${child.exitCode}`);
  return JSON.parse(printed);
}

/** Ours without what would change sonde. */
export function environment(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { SONDE_BACKEND: _1, SONDE_REQUIRE: _2, DEBUG: _3, NODE_OPTIONS: _4, ...rest } = process.env;
  return { ...rest, ...more };
}

/** Gives a folder for probe objects and other files, which is gone afterwards. */
export async function withFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-bench-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Calls `measure` for each of the things in turn, `rounds` times: what changes with time changes
 * for all of them.
 */
export async function interleaved<Thing extends string, Value>(
  things: readonly Thing[],
  rounds: number,
  measure: (thing: Thing, round: number) => Promise<Value>,
): Promise<Record<Thing, Value[]>> {
  const values = Object.fromEntries(things.map((thing) => [thing, [] as Value[]])) as Record<Thing, Value[]>;
  for (let round = 0; round < rounds; round++) {
    // Each comes first in turn.
    for (let i = 0; i < things.length; i++) {
      const thing = things[(i + round) % things.length]!;
      values[thing].push(await measure(thing, round));
    }
  }
  return values;
}
