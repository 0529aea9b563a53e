/**
 * Nanoseconds from some moment on. As it was when this package was loaded: tests put another clock
 * in its place.
 */
export const now = process.hrtime.bigint;

/** Nanoseconds since a moment; 0 where nobody looked at the clock then, since nobody traced. */
export const since = (began: bigint | undefined): bigint => (began === undefined ? 0n : now() - began);
