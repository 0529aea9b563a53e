// Programs that a test needs and this repository does not depend on: npm fetches them into its own
// cache.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Context } from 'mocha';
import { cannotTest } from './tools.js';

/** The lines of Node.js that sonde supports. */
export const NODE_LINES = [20, 22, 24, 26] as const;
export type NodeLine = (typeof NODE_LINES)[number];

/**
 * The path of a Node.js of this line: this very one, if it is of it, else that of npm's package.
 */
export function needsNode(context: Context, line: NodeLine): string {
  if (Number.parseInt(process.versions.node, 10) === line) return process.execPath;
  const name = `node-${process.platform}-${process.arch}`;
  return needsPackage(context, `${name}@${line}`, `${name}/bin/node`);
}

const folders = new Map<string, string | undefined>();

/**
 * The path of a file of an npm package, by its place in node_modules. Goes on only where the
 * package can be fetched.
 */
export function needsPackage(context: Context, specifier: string, file: string): string {
  if (!folders.has(specifier)) folders.set(specifier, fetch(specifier));
  const folder = folders.get(specifier);
  const path = folder && join(folder, file);
  if (!path || !existsSync(path)) cannotTest(context, `npm could not fetch ${specifier}, or it has no ${file}`);
  return path;
}

/**
 * The node_modules that it lies in: npm puts the folder of its commands first in the PATH of what
 * it executes.
 */
function fetch(specifier: string): string | undefined {
  const { status, stdout } = spawnSync(
    'npm',
    [
      'exec',
      '--yes',
      '--ignore-scripts',
      '--loglevel=error',
      `--package=${specifier}`,
      '--',
      process.execPath,
      '-p',
      'process.env.PATH',
    ],
    // Elsewhere: npm would take one that is anywhere in this project's node_modules, and say
    // nothing of where.
    { cwd: tmpdir(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  return status === 0 ? dirname(stdout.split(':')[0]!) : undefined;
}
