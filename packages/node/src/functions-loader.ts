// Runs in the thread of Node.js's module hooks, where they have one (Node.js 20): there, sources
// get their probes. What is in them, the program's thread is told.
import { selectFiles } from './functions/files.js';
import { installInert } from './functions/firing.js';
import { type LoaderData, type LoaderMessage, MAPPED, type NextLoad, transformed } from './functions/hooks.js';
import { instrumenter } from './functions/instrumenter.js';
import { showOwnText } from './functions/shown-text.js';

let transform = (source: string, _name: string, _kind?: 'commonjs' | 'module'): string => source;

/**
 * Called by Node.js with what `module.register` was given: once with something, and then each time
 * that this becomes the last loader again.
 */
export function initialize(data?: LoaderData): void {
  if (!data) return;
  const { settings, check, mapped, port } = data;
  const tell = (message: LoaderMessage) => port.postMessage(message);
  ({ transform } = instrumenter({
    wants: selectFiles(settings.root, settings.patterns),
    returns: settings.returns,
    check,
    maps: () => MAPPED[Atomics.load(mapped, 0)]!,
    made: (firstId, file) => tell({ firstId, file }),
    skipped: (file, reason) => tell({ skipped: file, reason }),
  }));
  // Other loaders, and what they import, come through here, too, and then run in this thread.
  installInert(check);
  showOwnText();
}

/** What is being loaded, by what Node.js hands to all hooks of one load. */
const loading = new WeakSet<object>();

/** Node.js's hook. */
export async function load(
  url: string,
  context: object,
  next: NextLoad<Promise<{ format?: string; source?: unknown }>>,
): Promise<{ format?: string; source?: unknown }> {
  if (loading.has(context)) return next(url, context);
  loading.add(context);
  return transformed(transform, url, context, await next(url, context));
}
