// Which files are to have probes in their functions.
import { dirname, isAbsolute, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ownPackage } from './own-packages.js';

/** The application's own files. */
export const DEFAULT_PATTERNS: readonly string[] = ['**'];

/** This package's own files, wherever it lies: what fires must not be traced. */
const OWN = dirname(fileURLToPath(import.meta.url)) + sep;

export const isOwn = (path: string): boolean => path.startsWith(OWN);

/**
 * Tells whether a file, by its path, is meant by patterns as picomatch has them
 * (https://github.com/micromatch/picomatch), relative to a folder. It must match one that has no
 * `!`, or all are such, and none that has. What lies in a `node_modules` is meant only by a pattern
 * that says `node_modules`.
 */
export function selectFiles(root: string, patterns: readonly string[]): (path: string) => boolean {
  const wanted = patterns.filter((pattern) => !pattern.startsWith('!'));
  const unwanted = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  const [own, dependencies] = [
    matching(wanted.length > 0 ? wanted : DEFAULT_PATTERNS),
    matching(wanted.filter((pattern) => pattern.includes('node_modules'))),
  ];
  const excluded = matching(unwanted);
  return (path) => {
    // What is no file, but its own text, would be another file each time.
    if (isOwn(path) || path.startsWith('data:')) return false;
    const inside = relative(root, path).replaceAll('\\', '/');
    const isDependency = /(^|\/)node_modules\//.test(inside);
    const wants = isDependency ? dependencies : own;
    return wants(inside, path) && !excluded(inside, path);
  };
}

type Matches = (inside: string, path: string) => boolean;

/** What lies outside of the folder is meant only by patterns that begin with `../` or `/`. */
function matching(patterns: readonly string[]): Matches {
  // Every process has this, and most have nothing else.
  if (patterns.length === 1 && patterns[0] === '**') return (inside) => !isOutside(inside);
  const [within, above, anywhere] = [
    glob(patterns.filter((pattern) => !isOutside(pattern))),
    glob(patterns.filter((pattern) => pattern.startsWith('../'))),
    glob(patterns.filter((pattern) => pattern.startsWith('/'))),
  ];
  return (inside, path) => (isOutside(inside) ? above(inside) : within(inside)) || anywhere(path);
}

/** On Windows, what lies on another drive is not relative to the folder. */
const isOutside = (path: string) => path.startsWith('../') || isAbsolute(path);

function glob(patterns: readonly string[]): (path: string) => boolean {
  if (patterns.length === 0) return () => false;
  const picomatch = ownPackage('picomatch') as typeof import('picomatch');
  const matches = picomatch([...patterns], { dot: true });
  return (path) => matches(path);
}
