// Comparisons for languages that have whole numbers of 64 bits and no others.
import type { Argument } from '../model.js';
import type { Condition } from './where.js';

type Comparison = Condition & { type: 'comparison' };

/** A comparison that such a language can make. */
export interface WholeComparison {
  operator: '==' | '!=' | '<' | '<=' | '>' | '>=';
  value: bigint;
}

/**
 * What a comparison with a number means for an argument that is a whole number.
 *
 * @returns whether it holds, if that is the same for all values
 */
export function wholeComparison(
  { operator, value }: Comparison,
  { kind }: Pick<Argument, 'kind'>,
): WholeComparison | boolean {
  if (typeof value === 'string' || operator === '~') throw new TypeError('this compares texts');
  const isFraction = typeof value === 'number' && !Number.isInteger(value);
  if (isFraction && (operator === '==' || operator === '!=')) return operator === '!=';
  const whole = BigInt(isFraction ? Math.floor(value) : value);
  const [least, most] = kind === 'signed' ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
  if (whole < least) return ['!=', '>', '>='].includes(operator);
  if (whole > most) return ['!=', '<', '<='].includes(operator);
  if (!isFraction) return { operator, value: whole };
  return { operator: operator === '<' || operator === '<=' ? '<=' : '>', value: whole };
}

/** What a text begins with, if that is all that a text with wildcards asks for: `ab*`. */
export function prefixOf(glob: string): string | undefined {
  return /^([^*?]*)\*+$/s.exec(glob)?.[1];
}
