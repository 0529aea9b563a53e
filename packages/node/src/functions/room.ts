// Whether the stack has room for what is to be done. V8 throws a RangeError where it has none, in
// the middle of anything.
const { apply } = Reflect;
const { isArray } = Array;

/** Stands for so many words of the stack, of 8 bytes. */
export type Room = readonly undefined[];

export const roomFor = (words: number): Room => Array.from({ length: words });

/** @throws RangeError where the stack has not as much left */
export function ensureRoom(room: Room): void {
  apply(isArray, undefined, room);
}
