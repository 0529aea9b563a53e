// Whether somebody traces a probe in a process: its first byte in memory is another one than in the
// file then.
import { closeSync, openSync, readSync } from 'node:fs';
import type { Probe, TracedObject, TracedProcess } from '../model.js';

/**
 * Of the probes of an object, those that somebody traces in this process; undefined if its memory
 * may not be read.
 */
export function tracedIn(
  { pid, mappings }: Pick<TracedProcess, 'pid' | 'mappings'>,
  { id, content, probes }: Pick<TracedObject, 'id' | 'content' | 'probes'>,
): Set<Probe> | undefined {
  const mapping = mappings.get(id);
  if (!mapping) return undefined;
  let memory: number | undefined;
  let file: number | undefined;
  try {
    memory = openSync(`/proc/${pid}/mem`, 'r');
    file = openSync(content, 'r');
    const size = Number(mapping.end - mapping.start);
    const now = read(memory, size, mapping.start);
    const generated = read(file, size, BigInt(mapping.fileOffset));
    return new Set(
      probes.filter(({ offset }) => {
        const at = offset - mapping.fileOffset;
        return at >= 0 && at < now.length && now[at] !== generated[at];
      }),
    );
  } catch {
    return undefined;
  } finally {
    if (memory !== undefined) closeSync(memory);
    if (file !== undefined) closeSync(file);
  }
}

function read(file: number, size: number, position: bigint): Buffer {
  const buffer = Buffer.alloc(size);
  return buffer.subarray(0, readSync(file, buffer, 0, size, position));
}
