import { readdirSync, readFileSync } from 'node:fs';
import { findProbes } from '../discovery/find.js';
import { parseTarget } from '../discovery/target.js';

/**
 * Whether a process is seen to have @sonde/node, from outside: it has its probes, and looks whether
 * somebody traces them. After sonde detach they lie in its memory for a while, and nobody looks.
 * Where it does not use inotify for that, it is not seen.
 */
export function hasNode(pid: number): boolean {
  const inodes = findProbes(parseTarget(String(pid)))
    .objects.filter(({ probes }) => probes.some(({ provider, name }) => provider === 'node' && name === 'stacks__on'))
    .map(({ id }) => BigInt(id.split(':').at(-1)!).toString(16));
  return inodes.length > 0 && watchedBy(pid).some((inode) => inodes.includes(inode));
}

/** Inodes of the files that it has inotify watch: proc_pid_fdinfo(5). */
function watchedBy(pid: number): string[] {
  const folder = `/proc/${pid}/fdinfo`;
  try {
    return readdirSync(folder).flatMap((descriptor) => {
      try {
        const text = readFileSync(`${folder}/${descriptor}`, 'latin1');
        return [...text.matchAll(/^inotify wd:\S+ ino:([0-9a-f]+) /gm)].map(([, inode]) => inode!);
      } catch {
        // It was closed meanwhile.
        return [];
      }
    });
  } catch {
    return [];
  }
}
