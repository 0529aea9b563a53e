import type { ProbeDefinition } from '@sonde/core';
import { type Events, type Fire, getBinding, type NativeProbe } from './binding.js';

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
  bind ??= openFire();
  if (!event) return bind(kinds.length, getBinding().makeProbe(code, offset, kinds));
  const fields = event.fields.flatMap(({ slot, size, limit }) => [slot, size, limit]);
  return bind(
    kinds.length,
    getBinding().makeProbe(code, offset, kinds, event.events, event.index, Int32Array.from(fields)),
  );
}

let bind: ((count: number, probe: NativeProbe) => Fire) | undefined;

/**
 * The addon has one native function for each number of values, and JavaScript writes into memory which probe it is to fire. With a
 * native function for each probe, a call site that fires many probes in turn would have many to call, and V8 compiles a
 * direct call for one only (docs/performance.md has the figures).
 */
function openFire(): NonNullable<typeof bind> {
  const { memory, fire } = getBinding().openFire();
  const [fire0, fire1, fire2, fire3, fire4] = fire as [Fire, Fire, Fire, Fire, Fire];
  const selected = new Int32Array(memory);
  return (count, { address, probe }) => {
    const [low, high] = new Int32Array(BigInt64Array.of(address).buffer) as unknown as [number, number];
    const select = () => {
      selected[0] = low;
      selected[1] = high;
    };
    const make = (): Fire => {
      switch (count) {
        case 0:
          return () => {
            select();
            fire0();
          };
        case 1:
          return (a) => {
            select();
            fire1(a!);
          };
        case 2:
          return (a, b) => {
            select();
            fire2(a!, b!);
          };
        case 3:
          return (a, b, c) => {
            select();
            fire3(a!, b!, c!);
          };
        case 4:
          return (a, b, c, d) => {
            select();
            fire4(a!, b!, c!, d!);
          };
        default:
          return (...values) => {
            select();
            fire[count]!(...values);
          };
      }
    };
    // The address is good for as long as the probe is held.
    return Object.assign(make(), { probe });
  };
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
