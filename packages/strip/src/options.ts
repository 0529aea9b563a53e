import { createFilter } from 'unplugin-utils';

/**
 * Globs (as `picomatch` has them, from the current folder), or regular expressions, matched with a
 * file's path.
 */
export type Pattern = string | RegExp | readonly (string | RegExp)[];

export interface Options {
  /** The files whose providers are removed. Default: all, those of installed packages too. */
  include?: Pattern;
  /**
   * Files whose providers stay, wherever they are used: `/node_modules/`, to keep those of
   * libraries.
   */
  exclude?: Pattern;
}

/**
 * Makes of the options a function that tells whether the providers defined in a file are to be
 * removed.
 *
 * @throws {TypeError} when an option is wrong
 */
export function readOptions(options: unknown): (file: string) => boolean {
  if (options === undefined) return () => true;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`@sonde/strip was given ${show(options)}; give { include, exclude }, or nothing`);
  }
  const unknown = Object.keys(options).find((key) => key !== 'include' && key !== 'exclude');
  if (unknown !== undefined) {
    throw new TypeError(`@sonde/strip has no option ${show(unknown)}; the options are include and exclude`);
  }
  const { include, exclude } = options as Options;
  return createFilter(checked('include', include), checked('exclude', exclude));
}

function checked(name: string, pattern: unknown): (string | RegExp)[] | undefined {
  if (pattern === undefined) return undefined;
  const patterns: unknown[] = Array.isArray(pattern) ? pattern : [pattern];
  const at = patterns.findIndex((each) => !(each instanceof RegExp) && (typeof each !== 'string' || each === ''));
  if (at === -1) return patterns as (string | RegExp)[];
  const wrong = patterns[at];
  throw new TypeError(
    `option ${name} of @sonde/strip has ${show(wrong)}; give a glob ("src/**") or a regular expression, or a list of these`,
  );
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
