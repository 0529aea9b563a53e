// A program's values, made what a probe carries. None of this throws but what JSON.stringify runs
// of the program's own code, and the probe catches that: a value that does not fit is reported and
// replaced.
import { type Argument, INTEGER_RANGES, isInteger } from './arguments.js';
import { types } from './builtins.js';
import { messageOf } from './errors.js';
import { nativeStack } from './native-stack.js';

// As they were when sonde was loaded: tests put others in their place.
const { nextTick } = process;
const { captureStackTrace } = Error;

/**
 * What native code gets: integers as a safe number or a bigint in the type's range, booleans as 0
 * or 1, texts as a string not yet cut, bytes as they are.
 */
export type NativeValue = number | bigint | string | Uint8Array;

/** The function that a captured stack starts below: what the program called to fire. */
// biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace takes any function at all.
export type Caller = Function;

/** Told when a value does not fit its argument, and something else is fired in its place. */
export interface ErrorCounter {
  countError(): void;
}

export type Converter = (value: unknown, errors: ErrorCounter, from: Caller) => NativeValue;

export function converter(argument: Argument): Converter {
  const { type } = argument;
  if (isInteger(type)) return integer(INTEGER_RANGES[type]);
  switch (type) {
    case 'boolean':
      return convertBoolean;
    case 'string':
      return convertString;
    case 'json':
      return convertJson;
    case 'bytes':
      return convertBytes;
    case 'stack':
      return (_, errors, from) => captureStack(argument.depth ?? 0, from, errors);
  }
}

function integer([least, most]: readonly [bigint, bigint]): Converter {
  // Numbers are compared as numbers: 2^63 and 2^64 are exact as doubles, so "below most + 1" holds
  // for 64 bits as well.
  const low = Number(least);
  const above = Number(most + 1n);
  return (value, errors) => {
    if (typeof value === 'number') {
      // What is an int32 already, as most are, is for V8 a comparison of integers.
      if ((value | 0) === value && value >= low && value < above) return value | 0;
      const whole = Math.trunc(value);
      if (whole >= low && whole < above) return Number.isSafeInteger(whole) ? whole : BigInt(whole);
    } else if (typeof value === 'bigint' && value >= least && value <= most) {
      return value;
    }
    errors.countError();
    return 0;
  };
}

function convertBoolean(value: unknown, errors: ErrorCounter): NativeValue {
  if (typeof value !== 'boolean') errors.countError();
  return value === true ? 1 : 0;
}

function convertString(value: unknown, errors: ErrorCounter): NativeValue {
  if (typeof value === 'string') return value;
  errors.countError();
  return `<not a string: ${value === null ? 'null' : typeof value}>`;
}

/** A toJSON that fires json itself could go on for ever, or nearly so. */
let isSerialising = false;

let isRecoveryQueued = false;

/**
 * V8 can end a call for good, as the timeout of `vm` does: then no `finally` runs. What such a call
 * left undone is done at the next tick. One is queued at a time: a loop that never yields may fire
 * without end.
 */
function queueRecovery(): void {
  if (isRecoveryQueued) return;
  nextTick(() => {
    isRecoveryQueued = false;
    isSerialising = false;
    putBack();
  });
  // Only now: the call may be ended at any moment.
  isRecoveryQueued = true;
}

function convertJson(value: unknown, errors: ErrorCounter): NativeValue {
  if (isSerialising) {
    queueRecovery();
    errors.countError();
    return '<not JSON: fired while JSON was made>';
  }
  isSerialising = true;
  try {
    return JSON.stringify(value) ?? 'undefined';
  } catch (error) {
    errors.countError();
    return `<not JSON: ${messageOf(error)}>`;
  } finally {
    isSerialising = false;
  }
}

const NO_BYTES = new Uint8Array(0);

function convertBytes(value: unknown, errors: ErrorCounter): NativeValue {
  if (types.isUint8Array(value)) return value;
  errors.countError();
  return NO_BYTES;
}

/**
 * The stack as V8 itself formats it (through source maps, if Node.js was told to use them), without
 * the program's own `Error.prepareStackTrace`, which may throw, be slow or return something else
 * than text.
 */
function captureStack(depth: number, from: Caller, errors: ErrorCounter): NativeValue {
  const native = nativeStack(depth, from);
  if (native !== undefined) return native;
  putBack();
  const error: { stackTraceLimit?: unknown } = Error;
  const limit = Object.getOwnPropertyDescriptor(error, 'stackTraceLimit');
  const prepare = Object.getOwnPropertyDescriptor(error, 'prepareStackTrace');
  if (!limit?.writable || (prepare && !prepare.writable)) {
    // Frozen, or the program's own accessors, which are not ours to call.
    errors.countError();
    return '<no stack>';
  }
  const holder: { stack?: string } = {};
  try {
    error.stackTraceLimit = depth;
    captureStackTrace(holder, from);
  } finally {
    // Nothing is called here: the stack may be used up.
    error.stackTraceLimit = limit.value;
  }
  const [, ...frames] = textOf(holder, prepare?.value).split('\n');
  return frames.map((frame) => frame.replace(/^\s*at /, '')).join('\n');
}

/** The program's `Error.prepareStackTrace` while a text is made without it. */
let isAside: { prepare: unknown } | undefined;

/** V8 makes the text when it is asked for. */
function textOf(holder: { stack?: string }, prepare: unknown): string {
  if (prepare === undefined) return holder.stack as string;
  const error: { prepareStackTrace?: unknown } = Error;
  isAside = { prepare };
  queueRecovery();
  try {
    error.prepareStackTrace = undefined;
    return holder.stack as string;
  } finally {
    error.prepareStackTrace = prepare;
    isAside = undefined;
  }
}

function putBack(): void {
  if (!isAside) return;
  const { prepare } = isAside;
  isAside = undefined;
  const now = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  if (now?.writable && now.value === undefined) Reflect.set(Error, 'prepareStackTrace', prepare);
}
