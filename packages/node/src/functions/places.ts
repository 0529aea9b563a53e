// At which of V8's places a function is entered, and at which it is left. V8 passes the first place
// of a body once in each call, unless that lies in a loop; and it has places of type `return`, but
// not wherever a function returns (found.ts). Where one position has several pieces of code, a
// breakpoint is at the first of them, which is the return's.
import type { Position } from 'acorn';
import type { FoundFunction, Leaving, Range } from './found.js';

export interface Place extends Position {
  isReturn: boolean;
}

/** Something happens to a call at a place. */
export type What =
  /** It begins. */
  | 'enter'
  /** It ends, by a return. */
  | 'leave'
  /** It is going to return, and nothing but a `finally` comes before. */
  | 'returns'
  /** It is going to return what it calls another function for, and that may throw. */
  | 'may return'
  /** A `finally` begins: if it was going to return, it has what it returns. */
  | 'final';

export interface Chosen {
  /** Of each place, in the order in which it happens. */
  places: Map<Place, What[]>;
  /** Whether the first place is passed by each turn of a loop. */
  repeats: boolean;
}

/** @returns why there is no place, or where what happens */
export function choose(found: FoundFunction, places: readonly Place[]): Chosen | string {
  const { sort, leavings, expression } = found;
  if (found.isFragile)
    return 'an arrow or an eval in it may ask for `this` before super() is called, which V8 would break';
  const [entry, repeats] = entryOf(found, places);
  if (!entry) return 'V8 has no place in it';
  if (repeats && sort !== 'sync') {
    return `its body begins with a loop, and V8 does not tell a call of ${sort === 'async' ? 'an async function' : 'a generator'} from another turn of it`;
  }
  const chosen = new Map<Place, What[]>();
  const happens = (place: Place | undefined, what: What) => {
    if (!place) return;
    const there = chosen.get(place);
    if (!there) chosen.set(place, [what]);
    else if (!there.includes(what)) there.push(what);
  };
  happens(entry, 'enter');
  // An async function ends when its promise is settled, and V8 has no place for the end of an async
  // generator.
  if (sort === 'async generator' || (sort === 'async' && !found.hasCallsBefore)) return { places: chosen, repeats };
  for (const leaving of expression ? [expression] : leavings) {
    const end = places.find((place) => isSame(place, leaving.end));
    if (leaving.isSeen && end) happens(end, 'leave');
    else hidden(leaving, places, happens, expression && entry);
  }
  if (found.isEndHidden) happens(entry, 'may return');
  // Its end, which it may come to without a `return`.
  if (!expression) {
    const { line, column } = found.end;
    happens(
      places.find((place) => place.isReturn && isSame(place, { line, column: column - 1 })),
      'leave',
    );
  }
  return { places: chosen, repeats };
}

function hidden(
  leaving: Leaving,
  places: readonly Place[],
  happens: (place: Place | undefined, what: What) => void,
  entry: Place | undefined,
): void {
  const place = entry ?? places.find((place) => isIn(place, leaving));
  if (leaving.isShort) {
    happens(place, 'returns');
    return;
  }
  happens(place, 'may return');
  const { final } = leaving;
  if (final)
    happens(
      places.find((place) => isIn(place, final)),
      'final',
    );
}

function entryOf({ loops }: FoundFunction, places: readonly Place[]): [Place | undefined, boolean] {
  const [first] = places;
  if (!first) return [undefined, false];
  const loop = loops.find((loop) => isIn(first, loop));
  if (!loop) return [first, false];
  const once = loop.first && places.find((place) => isIn(place, loop.first!));
  return once ? [once, false] : [first, true];
}

const isSame = (a: Position, b: Position) => a.line === b.line && a.column === b.column;

const isBefore = (a: Position, b: Position) => a.line < b.line || (a.line === b.line && a.column < b.column);

const isIn = (place: Position, { start, end }: Range) => !isBefore(place, start) && isBefore(place, end);
