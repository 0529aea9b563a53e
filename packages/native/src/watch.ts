// Who wants to know whether somebody traces, in this thread: the addon looks for all of them.
import { getBinding } from './binding.js';

// As they were when sonde was loaded: tests put others in their place.
const { setInterval, clearInterval } = globalThis;

/** In runtimes that have another event loop than Node.js. */
const POLL_MS = 50;

/** Bytes that a tracer changes. */
export interface WatchedCode {
  code: Uint8Array;
  offsets: readonly number[];
  /** What they are while nobody traces. */
  untraced: number;
}

interface Watch {
  list: readonly (WatchedCode & { file: string })[];
  changed: () => void;
}

const watches = new Set<Watch>();

/**
 * Calls `changed` soon after a tracer has come or has left: watch.h in the addon says how soon.
 *
 * @param file what tracers open before they come, if there is such a file
 * @returns what ends this
 */
export function watchCode(list: readonly WatchedCode[], file: string | undefined, changed: () => void): () => void {
  const { bun, deno } = process.versions;
  if (bun ?? deno) {
    const timer = setInterval(changed, POLL_MS);
    timer.unref();
    return () => clearInterval(timer);
  }
  const watch = { list: list.map((each, index) => ({ ...each, file: (index === 0 && file) || '' })), changed };
  watches.add(watch);
  tell();
  return () => {
    if (watches.delete(watch)) tell();
  };
}

function tell(): void {
  const list = [...watches].flatMap(({ list }) => list);
  getBinding().watch(
    list.map(({ code, offsets, untraced, file }) => [code, Uint32Array.from(offsets), untraced, file]),
    tellAll,
  );
}

/** Who is told may end watches, and begin others. */
function tellAll(): void {
  try {
    for (const watch of [...watches]) watch.changed();
  } catch {
    // A program that replaced what this needs of JavaScript goes on without probes.
  }
}
