// How processes and their probes are found: through /proc, or by DTrace.
import type { TracedObject } from '../model.js';
import { findProbesByDtrace, followByDtrace } from './dtrace/find.js';
import { findProbes, type Probes } from './find.js';
import { type Followed, type Following, follow } from './follow.js';
import type { Target } from './target.js';

export interface Discovery {
  /** @throws {CommandError} if a process is asked for that is not there, or nothing can be found */
  find(target?: Target): Probes;
  /** Looks for processes that the target means, and for objects in them, beside what is known. */
  follow(
    target: Target | undefined,
    known: { objects: readonly TracedObject[]; pids: readonly number[] },
    onFound: (found: Followed) => void,
  ): Following;
}

/** @param engine that is to answer, if one was asked for */
export function discoveryFor(engine: string | undefined): Discovery {
  return engine === 'dtrace' || process.platform !== 'linux'
    ? { find: findProbesByDtrace, follow: followByDtrace }
    : { find: findProbes, follow };
}
