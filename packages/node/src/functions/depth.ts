// How deep the stack is, in frames, those of functions that V8 inlined included. V8 counts them only
// for an error. What a program may have set for that is put back; none of its own code is called.

interface Frame {
  isAsync?(): boolean;
}

const { getOwnPropertyDescriptor } = Object;
const { captureStackTrace } = Error;

/** Why depths cannot be had here. */
export function whyNoDepth(): string | undefined {
  return isPlain('stackTraceLimit') && Object.isExtensible(Error) && isPlainOrMissing('prepareStackTrace')
    ? undefined
    : 'the program has frozen Error, or watches what is read of it: without that, V8 does not tell how deep the stack is';
}

const isPlain = (name: string): boolean => {
  const descriptor = getOwnPropertyDescriptor(Error, name);
  return descriptor?.writable === true && descriptor.configurable === true;
};

const isPlainOrMissing = (name: string): boolean =>
  getOwnPropertyDescriptor(Error, name) === undefined || isPlain(name);

const frames = (_error: unknown, stack: readonly Frame[]) => stack;

/**
 * The frames below the innermost one of a function.
 *
 * @throws RangeError near the end of the stack
 */
// biome-ignore lint/complexity/noBannedTypes: any function at all.
export function depthBelow(above: Function): number {
  const holder: { stack?: readonly Frame[] } = {};
  const limit = Error.stackTraceLimit;
  const had = 'prepareStackTrace' in Error;
  const { prepareStackTrace } = Error;
  // Assignments alone: nothing of this can fail half way near the end of the stack.
  Error.stackTraceLimit = Number.POSITIVE_INFINITY;
  Error.prepareStackTrace = frames as unknown as NonNullable<typeof Error.prepareStackTrace>;
  let stack: readonly Frame[] | undefined;
  try {
    captureStackTrace(holder, above);
    stack = holder.stack;
  } finally {
    Error.stackTraceLimit = limit;
    if (had) Error.prepareStackTrace = prepareStackTrace;
    else delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
  }
  let depth = stack!.length;
  // What waits for this one, which V8 adds at the end.
  while (depth > 0 && stack![depth - 1]!.isAsync?.() === true) depth--;
  return depth;
}
