// Runs in the thread of Node.js's module hooks, where they have one (Node.js 20): there, sources get their probes. What is in them, the program's thread
// is told.
import { selectFiles } from './functions/files.js';
import { type LoaderData, type LoaderMessage, type NextLoad, transformed } from './functions/hooks.js';
import { instrumenter } from './functions/instrumenter.js';

let transform = (source: string, _name: string, _kind?: 'commonjs' | 'module'): string => source;

/** Called by Node.js with what `module.register` was given. */
export function initialize({ settings, check, port }: LoaderData): void {
  const tell = (message: LoaderMessage) => port.postMessage(message);
  transform = instrumenter({
    wants: selectFiles(settings.root, settings.patterns),
    returns: settings.returns,
    check,
    made: (firstId, file) => tell({ firstId, file }),
    skipped: (file, reason) => tell({ skipped: file, reason }),
  });
}

/** Node.js's hook. */
export async function load(
  url: string,
  context: object,
  next: NextLoad<Promise<{ format?: string; source?: unknown }>>,
): Promise<{ format?: string; source?: unknown }> {
  return transformed(transform, url, await next(url, context));
}
