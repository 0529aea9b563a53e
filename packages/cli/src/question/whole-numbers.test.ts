import assert from 'node:assert/strict';
import type { Condition, Operator } from './where.js';
import { prefixOf, wholeComparison } from './whole-numbers.js';

const OPERATORS = ['==', '!=', '<', '<=', '>', '>='] as const;

describe('Comparisons of whole numbers', () => {
  const holds = (left: bigint, operator: Operator, right: number) => {
    const whole = Number(left);
    switch (operator) {
      case '==':
        return whole === right;
      case '!=':
        return whole !== right;
      case '<':
        return whole < right;
      case '<=':
        return whole <= right;
      case '>':
        return whole > right;
      default:
        return whole >= right;
    }
  };

  it('mean the same as those with fractions, and with what is beyond 64 bits', () => {
    for (const kind of ['signed', 'unsigned'] as const) {
      for (const operator of OPERATORS) {
        for (const value of [-1e30, -1.5, -1, 0, 0.5, 1, 1.5, 2, 1e30]) {
          const comparison: Condition = { type: 'comparison', argument: 'a', operator, value };
          const whole = wholeComparison(comparison as Condition & { type: 'comparison' }, { kind });
          for (const left of kind === 'signed' ? [-2n, -1n, 0n, 1n, 2n] : [0n, 1n, 2n]) {
            const actual = typeof whole === 'boolean' ? whole : holds(left, whole.operator, Number(whole.value));
            assert.equal(actual, holds(left, operator, value), `${kind} ${left} ${operator} ${value}`);
          }
        }
      }
    }
  });

  it('keep all digits', () => {
    const value = 2n ** 64n - 1n;
    assert.deepEqual(
      wholeComparison({ type: 'comparison', argument: 'a', operator: '>=', value }, { kind: 'unsigned' }),
      { operator: '>=', value },
    );
  });

  it('of texts are those with a beginning', () => {
    assert.equal(prefixOf('ab*'), 'ab');
    assert.equal(prefixOf('**'), '');
    for (const glob of ['ab', 'a*b', '*a*', 'a?*', '']) assert.equal(prefixOf(glob), undefined, glob);
  });
});
