// A program's values, converted as the original converts them: anything is taken for anything.

/**
 * What a probe's argument is made of: JavaScript's own conversion to a number or a text, or JSON.
 */
export type Kind = 'int' | 'string' | 'json';

const GREATEST = 2n ** 63n - 1n;
const LEAST = -(2n ** 63n);

/** What the core takes for an argument of this kind. */
export function convert(kind: Kind, value: unknown): unknown {
  switch (kind) {
    case 'int':
      return integer(value);
    case 'string':
      return text(value);
    case 'json':
      return value;
  }
}

/**
 * Without its fraction, and the nearest that 64 bits hold. What cannot become a number is 0, a
 * bigint too.
 */
function integer(value: unknown): number | bigint {
  let number: number;
  try {
    number = +(value as number);
  } catch {
    return 0;
  }
  const whole = Math.trunc(number);
  if (Number.isSafeInteger(whole)) return whole;
  if (Number.isNaN(whole)) return 0;
  if (whole >= 2 ** 63) return GREATEST;
  return whole <= -(2 ** 63) ? LEAST : BigInt(whole);
}

function text(value: unknown): unknown {
  if (typeof value === 'symbol') return '';
  try {
    return String(value);
  } catch {
    // The core fires a text that says what it is, and counts it.
    return value;
  }
}
