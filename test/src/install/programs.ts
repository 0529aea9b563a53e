// Programs that npm fetches into its own cache: package managers, and Node.js in other versions.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The path of a package's command, such as npm of npm@10. */
export function fetchProgram(specification: string, command: string): string {
  const found = execFileSync(
    'npm',
    ['exec', '--yes', `--package=${specification}`, '--', 'sh', '-c', `command -v ${command}`],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  return realpathSync(found.trim());
}

/** Node.js of a major version: the one that runs this if it is of that, else from npm. */
export function fetchNode(major: number): string {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const { arch } = process;
  return fetchProgram(`node-linux-${arch}@${major}`, 'node');
}

/** Node.js for another processor, which npm does not run, but fetches if it must: into a cache of our own. */
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
