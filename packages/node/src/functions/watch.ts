import { start, startedThread } from '../start.js';
import type { LiveStatus } from './live.js';
import { liveStatus, wishes } from './live.js';
import { DEFAULT_SHARE, isShare } from './options.js';

export interface FunctionsWatchOptions {
  /**
   * What the breakpoints of one function may take of a core. One that takes more is let go. From
   * above 0 to 1, which is without a limit; 0.1 by default.
   */
  share?: number;
  /**
   * Whether it ends when the tracer has gone, or when none has come for a minute. By default it
   * lasts until it is stopped.
   */
  lease?: boolean;
}

/** Functions that were asked for. */
export interface FunctionsWatch {
  /** What became of it so far, in this thread. */
  status(): LiveStatus;
  /** Takes it back: breakpoints are removed at once. */
  stop(): void;
  [Symbol.dispose](): void;
}

export interface Functions {
  watch(names: readonly string[], options?: FunctionsWatchOptions): FunctionsWatch;
  status(): LiveStatus;
}

/** The functions of the thread that it is called in, of this copy of the package. */
export const ownFunctions: Functions = {
  watch(names, { share = DEFAULT_SHARE, lease = false } = {}) {
    if (!Array.isArray(names)) {
      throw new TypeError(`functions.watch: the names are ${String(names)}, and must be a list: ['deliver']`);
    }
    if (!isShare(share)) {
      throw new TypeError(
        `functions.watch: share is ${String(share)}, and must be above 0 and not above 1, or be left out`,
      );
    }
    if (typeof lease !== 'boolean') {
      throw new TypeError(`functions.watch: lease is ${String(lease)}, and must be true or false, or be left out`);
    }
    const stop = wishes.add(names, share, lease);
    return { status: liveStatus, stop, [Symbol.dispose]: stop };
  },
  status: liveStatus,
};

/**
 * Functions by their names, such as `deliver`, `MailServer.deliver`, `MailServer.*`, or the place of
 * one, `src/server.ts:42`.
 */
export const functions: Functions = {
  /**
   * From now on these functions, in all threads, fire `function__entry` and `function__return` while
   * a tracer is attached to one of them: those of scripts that are loaded, and of those that will
   * be. Nothing of them is changed. Until a tracer comes, nothing happens and nothing is looked for.
   *
   * @throws TypeError when a name is none, or an option is not what it has to be
   */
  watch(names, options) {
    start();
    return (startedThread()?.functions ?? ownFunctions).watch(names, options);
  },

  status: () => (startedThread()?.functions ?? ownFunctions).status(),
};
