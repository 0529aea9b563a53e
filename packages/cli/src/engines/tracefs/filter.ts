// Conditions as the kernel's event filters have them (Documentation/trace/events.rst).
import type { Probe } from '../../model.js';
import type { Condition } from '../../question/where.js';

/** MAX_FILTER_STR_VAL of include/linux/trace_events.h, and a zero. */
const LONGEST_TEXT = 254;

/**
 * What the kernel drops by itself, so that nobody need read it. Undefined if the kernel cannot say
 * it; then, and in any case, events are looked at again where they are read.
 */
export function kernelFilter(condition: Condition, probe: Probe): string | undefined {
  switch (condition.type) {
    case 'not': {
      const operand = kernelFilter(condition.operand, probe);
      return operand && `!(${operand})`;
    }
    case 'and':
    case 'or': {
      const left = kernelFilter(condition.left, probe);
      const right = kernelFilter(condition.right, probe);
      return left && right && `(${left}) ${condition.type === 'and' ? '&&' : '||'} (${right})`;
    }
    case 'comparison':
      return comparison(condition, probe);
  }
}

function comparison(
  { argument, operator, value }: Condition & { type: 'comparison' },
  probe: Probe,
): string | undefined {
  const index = probe.arguments.findIndex(({ name }) => name === argument);
  // The kernel knows the thread alone.
  if (index === -1) return undefined;
  const { kind, size } = probe.arguments[index]!;
  if (typeof value === 'string') {
    // It has no escapes; it compares bytes; and its wildcards have a third one, and no end.
    if (!/^[\x20-\x7e]*$/.test(value) || value.length > LONGEST_TEXT || /["\\]/.test(value)) return undefined;
    if (operator === '~' && (/[[\]]/.test(value) || value === '')) return undefined;
    return `a${index} ${operator} "${value}"`;
  }
  if (typeof value === 'number') return undefined;
  const number = BigInt(value);
  // It would compare with what is left of the number.
  const bits = BigInt(8 * size);
  const [least, most] = kind === 'signed' ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
  if (number < least || number > most) return undefined;
  return `a${index} ${operator} ${number}`;
}
