import type { ProbeDefinition } from '@sonde/core';
import { type Events, type Fire, getBinding } from './binding.js';

const INTEGER = 0;
const BYTES = -1;

/** A user event that is written with the same values. */
export interface FireEvent {
  events: Events;
  /** Which of them. */
  index: number;
  /**
   * The native arguments in the event's order: each by its place in the probe, and how many bytes of it; 0 for a text, of which
   * the event holds `limit` bytes at most.
   */
  fields: readonly { slot: number; size: number; limit: number }[];
}

/** The function that fires the stub at `code[offset]` with values of these arguments. It keeps `code` alive. */
export function fireFunction(
  code: Uint8Array,
  offset: number,
  args: ProbeDefinition['arguments'],
  event?: FireEvent,
): Fire {
  const kinds = Int32Array.from(args, kind);
  if (!event) return getBinding().fireFunction(code, offset, kinds);
  const fields = event.fields.flatMap(({ slot, size, limit }) => [slot, size, limit]);
  return getBinding().fireFunction(code, offset, kinds, event.events, event.index, Int32Array.from(fields));
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
