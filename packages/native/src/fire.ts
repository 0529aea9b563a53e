import type { NativeValue, ProbeDefinition } from '@sonde/core';
import { getBinding } from './binding.js';

const INTEGER = 0;
const BYTES = -1;

/** The function that fires the stub at `code[offset]` with values of these arguments. It keeps `code` alive. */
export function fireFunction(
  code: Uint8Array,
  offset: number,
  args: ProbeDefinition['arguments'],
): (...values: NativeValue[]) => void {
  return getBinding().fireFunction(code, offset, Int32Array.from(args, kind));
}

function kind({ type, limit }: ProbeDefinition['arguments'][number]): number {
  switch (type) {
    case 'bytes':
      return BYTES;
    case 'string':
    case 'json':
    case 'stack':
      return limit!;
    default:
      return INTEGER;
  }
}
