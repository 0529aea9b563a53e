// Other versions of Node.js than the one that runs the benchmark: npm fetches them into its own
// cache.
import { spawnSync } from 'node:child_process';

export interface NodeVersion {
  /** As process.version has it. */
  version: string;
  path: string;
}

export const ALL = ['20', '22', '24', '26'];

/** The one that runs, or those of these major versions. */
export function findNodes(majors: readonly string[]): NodeVersion[] {
  if (majors.length === 0) return [{ version: process.version, path: process.execPath }];
  return majors.map((major) => {
    const script = 'console.log(JSON.stringify({ version: process.version, path: process.execPath }))';
    const name = `node-${process.platform}-${process.arch}@${major}`;
    const found = spawnSync('npm', ['exec', '--yes', `--package=${name}`, '--', 'node', '-e', script], {
      encoding: 'utf8',
    });
    if (found.status !== 0) throw new Error(`npm cannot fetch ${name}: ${found.stderr}`);
    return JSON.parse(found.stdout.trim().split('\n').at(-1)!);
  });
}
