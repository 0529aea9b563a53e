// Diagnostics, silent unless DEBUG names them: DEBUG=sonde:* . The debug package is loaded only
// then: it takes as long as all of sonde.
import { createRequire } from './builtins.js';
import { variable } from './deno.js';
import { printable } from './errors.js';
import { moduleSearchRoots } from './module-search-roots.js';

/** Writes one line, formatted as the `debug` package does: %s, %d, %o. */
export type Log = (format: string, ...values: unknown[]) => void;

/**
 * The log of one area of sonde, after `sonde:`. Nothing is looked for until there is something to
 * write: where a snapshot is built, no package may be loaded, and DEBUG is that of the process that
 * starts from it.
 */
export function log(area: string): Log {
  let write: Log | undefined;
  return (format, ...values) => {
    write ??= open(area);
    write(format, ...values.map((value) => (typeof value === 'string' ? printable(value) : value)));
  };
}

function open(area: string): Log {
  if (!variable('DEBUG')) return () => {};
  for (const place of moduleSearchRoots()) {
    try {
      return createRequire(place)('debug')(`sonde:${area}`);
    } catch {
      // A bundle, without node_modules beside it.
    }
  }
  return () => {};
}
