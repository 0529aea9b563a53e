import type { NativeValue, ProbeDefinition } from '@sonde/core/internal';
import { type Events, type Fire, getBinding, type NativeProbe } from './binding.js';

const INTEGER = 0;
const BYTES = -1;

/** A user event that is written with the same values. */
export interface FireEvent {
  events: Events;
  /** Which of them. */
  index: number;
  /**
   * The native arguments in the event's order: each by its place in the probe, and how many bytes
   * of it; 0 for a text, of which the event holds `limit` bytes at most.
   */
  fields: readonly { slot: number; size: number; limit: number }[];
}

/**
 * The function that fires the stub at `code[offset]` with values of these arguments. It keeps
 * `code` alive.
 */
export function fireFunction(
  code: Uint8Array,
  offset: number,
  args: ProbeDefinition['arguments'],
  event?: FireEvent,
): Fire {
  const kinds = Int32Array.from(args, kind);
  bind ??= openFire();
  const repeats = args[0]?.type === 'string';
  if (!event) return bind(kinds, getBinding().makeProbe(code, offset, kinds), repeats);
  const fields = event.fields.flatMap(({ slot, size, limit }) => [slot, size, limit]);
  return bind(
    kinds,
    getBinding().makeProbe(code, offset, kinds, event.events, event.index, Int32Array.from(fields)),
    repeats,
  );
}

let bind: ((kinds: Int32Array, probe: NativeProbe, repeats: boolean) => Fire) | undefined;

/**
 * Bytes of a text that may be fired again without being copied again: kMostRepeated in the addon,
 * less its NUL.
 */
const LONGEST_REPEATED = 255;
/** Bytes of UTF-8 that a UTF-16 code unit takes at most. */
const MOST_BYTES = 3;

/**
 * The addon has one native function for each number of values, and JavaScript writes into memory
 * which probe it is to fire. With a native function for each probe, a call site that fires many
 * probes in turn would have many to call, and V8 compiles a direct call for one only
 * (docs/performance.md has the figures).
 *
 * A first argument that is the same text as in the last fire is not copied again: that is half of
 * what the native call takes. One text is kept for all probes of a thread, so that no more than one
 * string is kept alive, with the one that V8 may have sliced it from.
 */
function openFire(): NonNullable<typeof bind> {
  const { memory, fire, fireAgain } = getBinding().openFire();
  const [fire0, fire1, fire2, fire3, fire4] = fire as [Fire, Fire, Fire, Fire, Fire];
  const [again1, again2, again3, again4] = fireAgain as [Fire, Fire, Fire, Fire];
  const selected = new Int32Array(memory);
  /**
   * The first argument's text that the addon has, undefined where it may have been cut. A call that
   * fails changes neither.
   */
  let last: NativeValue | undefined;
  return (kinds, { address, probe }, repeats) => {
    const [low, high] = new Int32Array(BigInt64Array.of(address).buffer) as unknown as [number, number];
    const select = () => {
      selected[0] = low;
      selected[1] = high;
    };
    const count = kinds.length;
    const plain = (): Fire | undefined => {
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
      }
      return;
    };
    /** In UTF-16 code units: a text of no more is not cut, whichever probe fires it. */
    const most = repeats ? Math.floor(Math.min(LONGEST_REPEATED, kinds[0]!) / MOST_BYTES) : -1;
    const startingWithText = (): Fire | undefined => {
      switch (count) {
        case 1:
          return (a) => {
            select();
            const fits = typeof a === 'string' && a.length <= most;
            if (fits && a === last) return again1();
            fire1(a!);
            last = fits ? a : undefined;
          };
        case 2:
          return (a, b) => {
            select();
            const fits = typeof a === 'string' && a.length <= most;
            if (fits && a === last) return again2(b!);
            fire2(a!, b!);
            last = fits ? a : undefined;
          };
        case 3:
          return (a, b, c) => {
            select();
            const fits = typeof a === 'string' && a.length <= most;
            if (fits && a === last) return again3(b!, c!);
            fire3(a!, b!, c!);
            last = fits ? a : undefined;
          };
        case 4:
          return (a, b, c, d) => {
            select();
            const fits = typeof a === 'string' && a.length <= most;
            if (fits && a === last) return again4(b!, c!, d!);
            fire4(a!, b!, c!, d!);
            last = fits ? a : undefined;
          };
      }
      return;
    };
    const any = (...values: NativeValue[]) => {
      select();
      fire[count]!(...values);
      last = undefined;
    };
    const made = (kinds[0]! > 0 ? startingWithText() : plain()) ?? any;
    // The address is good for as long as the probe is held.
    return Object.assign(made, { probe });
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
