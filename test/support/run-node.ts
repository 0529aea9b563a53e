// Node.js in a process of its own, with the systemtap backend or none at all, and what it says.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { Scene } from './scene.js';

export interface Options {
  /** The path of Node.js; this one where it is left out. */
  node?: string;
  /** A variable that is undefined here is not set. */
  env?: Record<string, string | undefined>;
  cwd?: string;
}

export interface Output {
  stdout: string;
  stderr: string;
}

/** Runs it, and returns what it wrote. It must come to a good end by itself. */
export function runNode(scene: Scene, args: readonly string[], { node, env, cwd }: Options = {}): Output {
  const { status, signal, stdout, stderr } = spawnSync(node ?? process.execPath, args, {
    encoding: 'utf8',
    timeout: 120_000,
    cwd: cwd ?? scene.folder,
    env: environment(scene, env),
  });
  assert.deepEqual([status, signal], [0, null], `${args.join(' ')}\n${stdout}\n${stderr}`);
  return { stdout, stderr };
}

/**
 * Runs a program that writes one line of JSON and nothing else, on the console neither; what that
 * line says.
 */
export function told<Told>(scene: Scene, args: readonly string[], options?: Options): Told {
  const { stdout, stderr } = runNode(scene, args, options);
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

/** Of a program on the scene: the systemtap backend or an error. */
export function environment(scene: Scene, own: Record<string, string | undefined> = {}): NodeJS.ProcessEnv {
  // NODE_PATH: pnpm's commands set it, to where all packages are found.
  const { NODE_OPTIONS, NODE_PATH, NODE_TEST_CONTEXT, DEBUG, ...inherited } = process.env;
  return { ...inherited, SONDE_BACKEND: 'systemtap', SONDE_REQUIRE: '1', SONDE_DIR: scene.objects, ...own };
}
