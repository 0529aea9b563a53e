// Programs that npm fetches into its own cache: package managers, and Node.js in other versions.
import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';

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
