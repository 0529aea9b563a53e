// A quicker way to a stack than V8's Error, which native code has that this package has not. Shared
// by all copies of the core in a thread.

/**
 * The JavaScript stack below the innermost frame of a function, innermost frame first, one a line,
 * at most `depth` of them; undefined where it cannot tell.
 */
// biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace takes any function at all.
export type StackCapture = (depth: number, below: Function) => string | undefined;

const CAPTURE = Symbol.for('sonde.stack.1');
const shared = globalThis as { [CAPTURE]?: StackCapture };

/**
 * `stack` arguments of all providers in this thread are captured so from now on; without it, by V8's
 * Error. What it throws is as if it could not tell.
 */
export function captureStacksWith(capture: StackCapture | undefined): void {
  Object.defineProperty(shared, CAPTURE, { value: capture, configurable: true });
}

export const nativeStack: StackCapture = (depth, below) => {
  try {
    return shared[CAPTURE]?.(depth, below);
  } catch {
    return undefined;
  }
};
