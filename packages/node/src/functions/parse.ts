import type { Node } from 'acorn';
import { ownPackage } from './own-packages.js';

export type Kind = 'commonjs' | 'module' | undefined;

let acorn: typeof import('acorn') | undefined;

/**
 * @param kind how the parser takes the source. Where it is not known, it is tried.
 * @throws {SyntaxError} where the source cannot be parsed
 */
export function parse(source: string, kind: Kind): Node {
  // Where all that a program loads is in the cache, it is not needed.
  acorn ??= ownPackage('acorn') as typeof import('acorn');
  const { parse } = acorn;
  const locations = { ecmaVersion: 'latest', allowHashBang: true, locations: true } as const;
  const asModule = () => parse(source, { ...locations, sourceType: 'module' });
  const asScript = () => parse(source, { ...locations, sourceType: 'script', allowReturnOutsideFunction: true });
  if (kind === 'module') return asModule();
  try {
    return asScript();
  } catch (error) {
    if (kind === 'commonjs') throw error;
    return asModule();
  }
}
