// Processes that start, and providers that are defined, while a question is asked.
import type { TracedObject } from '../model.js';
import { readObject } from './find.js';
import { allPids, findMapped, isProbeObject } from './processes.js';
import type { Target } from './target.js';

/** How often the list of processes is looked at. */
const LOOK_MS = 250;
/** So long after it was first seen a process is looked into each time: it starts, and defines providers. */
const YOUNG_MS = 10_000;
/** Every process is looked into so often. */
const WHOLE_MS = 30_000;

export interface Following {
  stop(): void;
}

/** What was found. */
export interface Followed {
  /** Objects that nobody had mapped before. */
  objects: TracedObject[];
  /** Processes that are meant, and were not before. */
  pids: number[];
}

/**
 * Looks for processes that the target means, and for objects in them.
 *
 * @param known what is there already
 */
export function follow(
  target: Target | undefined,
  known: { objects: readonly Pick<TracedObject, 'id'>[]; pids: readonly number[] },
  onFound: (found: Followed) => void,
): Following {
  const objects = new Set(known.objects.map(({ id }) => id));
  const pids = new Set(known.pids);
  const since = new Map(allPids().map((pid) => [pid, 0]));
  let lastWhole = performance.now();
  const timer = setInterval(look, LOOK_MS);
  return { stop: () => clearInterval(timer) };

  function look(): void {
    const now = performance.now();
    const alive = target?.pid === undefined ? allPids() : [target.pid];
    const isWhole = now - lastWhole >= WHOLE_MS;
    if (isWhole) lastWhole = now;
    for (const pid of alive) if (!since.has(pid)) since.set(pid, now);
    const living = new Set(alive);
    for (const pid of since.keys()) {
      if (living.has(pid)) continue;
      since.delete(pid);
      pids.delete(pid);
    }
    const looked =
      isWhole || target?.pid !== undefined ? alive : alive.filter((pid) => now - since.get(pid)! < YOUNG_MS);
    const found: Followed = { objects: [], pids: [] };
    for (const file of findMapped(isProbeObject, looked).files) {
      const processes = file.processes.filter((each) => target?.isMet(each) ?? true);
      for (const { pid } of processes) {
        if (pids.has(pid)) continue;
        pids.add(pid);
        found.pids.push(pid);
      }
      if (processes.length === 0 || objects.has(file.id)) continue;
      try {
        found.objects.push({ ...readObject(file), processes });
        objects.add(file.id);
      } catch {
        // It ended meanwhile; or it is looked at again.
      }
    }
    if (found.objects.length > 0 || found.pids.length > 0) onFound(found);
  }
}
