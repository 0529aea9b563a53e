import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Node.js for another processor, which npm does not run, but fetches if it must: into a cache of
 * our own.
 */
export function fetchNodeFor(architecture: string, major: number): string {
  const folder = join(homedir(), '.cache/sonde-node', `${architecture}-${major}`);
  const name = `node-linux-${architecture}`;
  const path = join(folder, 'node_modules', name, 'bin/node');
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    execFileSync('npm', ['install', '--force', '--no-audit', '--no-fund', '--prefix', folder, `${name}@${major}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  }
  return path;
}
