// Whether somebody reads places in what runs, and so which files are to have source maps that count
// what was inserted. Others would cost something for nothing.

/**
 * - `own`: those that have a source map. Node.js looks into it for stacks.
 * - `all`: a debugger shows all files. Without one, a file that has no source map is to have none:
 *   Node.js prints stacks another way for files with one, and `findSourceMap` finds it.
 */
export type Mapped = 'none' | 'own' | 'all';

export function mapped(): Mapped {
  if (isInspected()) return 'all';
  return process.sourceMapsEnabled ? 'own' : 'none';
}

function isInspected(): boolean {
  try {
    return process.getBuiltinModule('node:inspector').url() !== undefined || INSPECTS.test(optionsOf());
  } catch {
    // Node.js may have been built without it.
    return false;
  }
}

/** In a worker, it has no URL. */
const INSPECTS = /(^|\s)--inspect(-brk|-wait)?\b/;

const optionsOf = () => [...process.execArgv, process.env.NODE_OPTIONS].join(' ');
