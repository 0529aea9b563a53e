import { DefinitionError, show } from './errors.js';

/** The integer types, with their least and greatest values (inclusive). */
export const INTEGER_RANGES = {
  int8: [-(2n ** 7n), 2n ** 7n - 1n],
  int16: [-(2n ** 15n), 2n ** 15n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint8: [0n, 2n ** 8n - 1n],
  uint16: [0n, 2n ** 16n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
} as const satisfies Record<string, readonly [bigint, bigint]>;

export type IntegerType = keyof typeof INTEGER_RANGES;

/**
 * What a program passes for an argument of each type. `stack` takes no value: see {@link stack}.
 */
export interface ArgumentValues extends Record<IntegerType, number | bigint> {
  boolean: boolean;
  string: string;
  json: unknown;
  bytes: Uint8Array;
  stack: never;
}

export type ArgumentType = keyof ArgumentValues;

/** One argument of a probe, made by the functions of this module. */
export interface Argument<Type extends ArgumentType = ArgumentType> {
  readonly type: Type;
  /** The name that tracers which read DWARF show: `args->peer`. */
  readonly name: string;
  /** `string`, `json`, `stack`: the longest text that is fired, in bytes of UTF-8. */
  readonly limit?: number;
  /** `stack`: the greatest number of frames. */
  readonly depth?: number;
}

export interface TextOptions {
  /**
   * The longest text in bytes of UTF-8, 1 to 1,048,576; what is longer is cut after a whole
   * character. Default 4095.
   */
  limit?: number;
}

export interface StackOptions extends TextOptions {
  /** The greatest number of frames, 1 to 200. Default 20. */
  depth?: number;
}

/**
 * One page less the terminating NUL: the most that `bpf_probe_read_user_str` and perf's `string`
 * read without a fault between.
 */
export const DEFAULT_LIMIT = 4095;
export const GREATEST_LIMIT = 2 ** 20;
const DEFAULT_DEPTH = 20;
const GREATEST_DEPTH = 200;

/**
 * A signed 8-bit integer. Numbers lose their fraction; what is not a number in range is fired as 0
 * and counted.
 */
export const int8 = (name: string) => argument('int8', name);
/** A signed 16-bit integer; conversion as for {@link int8}. */
export const int16 = (name: string) => argument('int16', name);
/** A signed 32-bit integer; conversion as for {@link int8}. */
export const int32 = (name: string) => argument('int32', name);
/**
 * A signed 64-bit integer, from a number or, exact beyond 2^53, a bigint; conversion as for
 * {@link int8}.
 */
export const int64 = (name: string) => argument('int64', name);
/** An unsigned 8-bit integer; conversion as for {@link int8}. */
export const uint8 = (name: string) => argument('uint8', name);
/** An unsigned 16-bit integer; conversion as for {@link int8}. */
export const uint16 = (name: string) => argument('uint16', name);
/** An unsigned 32-bit integer; conversion as for {@link int8}. */
export const uint32 = (name: string) => argument('uint32', name);
/**
 * An unsigned 64-bit integer, from a number or, exact beyond 2^53, a bigint; conversion as for
 * {@link int8}.
 */
export const uint64 = (name: string) => argument('uint64', name);
/** `true` or `false`; tracers see 1 or 0, one byte wide (C's `bool`). */
export const boolean = (name: string) => argument('boolean', name);

/**
 * A text. Tracers see a `const char *` to NUL-terminated UTF-8, valid while the probe fires; a NUL
 * within the text is shown as `␀` (U+2400), a lone surrogate as `�` (U+FFFD). A value that is not a
 * string is fired as `<not a string: …>` and counted.
 */
export const string = (name: string, options?: TextOptions) => text('string', name, options);

/**
 * Any value, as JSON; serialised only while traced. Tracers see a `const char *` as for
 * {@link string}. `toJSON` methods and getters of the value run then; if they throw, or the value
 * is circular, `<not JSON: …>` is fired and counted. What JSON cannot hold (`undefined`, a
 * function, a symbol) is fired as `undefined`.
 */
export const json = (name: string, options?: TextOptions) => text('json', name, options);

/**
 * Raw memory, not copied: two native arguments, `const void *` and, named `<name>_length`, its
 * length in bytes (uint64). The memory is the program's own: a tracer sees what it holds while the
 * probe fires.
 */
export const bytes = (name: string) => argument('bytes', name);

/**
 * The JavaScript stack where the probe fires, captured only while traced. No value is passed for
 * it. Tracers see a `const char *`, one frame a line, innermost first:
 * `deliver (/app/mail.js:12:3)`.
 */
export function stack(name: string, options: StackOptions = {}): Argument<'stack'> {
  const limited = text('stack', name, options);
  const { depth = DEFAULT_DEPTH } = options;
  if (!isWhole(depth, GREATEST_DEPTH)) throw wrongNumber(name, 'depth', depth, GREATEST_DEPTH, 'frames');
  return whole({ ...limited, depth });
}

/**
 * What the functions above returned: frozen, so it need not be checked again when a definition
 * holds it.
 */
const checked = new WeakSet<Argument>();

/** The same again is the same object: a program has many probes, and few kinds of arguments. */
const known = new Map<string, Argument>();
/** A program may make up names as it runs. */
const MOST_KNOWN = 1000;

function whole<Type extends ArgumentType>(argument: Argument<Type>): Argument<Type> {
  const { type, name, limit, depth } = argument;
  const key = `${type} ${name} ${limit} ${depth}`;
  const there = known.get(key);
  if (there) return there as Argument<Type>;
  if (known.size === MOST_KNOWN) known.clear();
  known.set(key, argument);
  checked.add(Object.freeze(argument));
  return argument;
}

/** The types that {@link checkArgument} knows, which are those that this module makes. */
const TYPES: ReadonlySet<unknown> = new Set<ArgumentType>([
  ...(Object.keys(INTEGER_RANGES) as IntegerType[]),
  'boolean',
  'string',
  'json',
  'bytes',
  'stack',
]);

/**
 * The argument that a definition holds, checked and whole even where it was written by hand;
 * undefined when it is none. A copy: what a program changes later does not reach the probe.
 */
export function checkArgument(value: unknown): Argument | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (checked.has(value as Argument)) return value as Argument;
  if (!TYPES.has((value as Argument).type)) return undefined;
  const { type, name, limit, depth } = value as Argument;
  switch (type) {
    case 'string':
    case 'json':
      return text(type, name, { ...(limit !== undefined && { limit }) });
    case 'stack':
      return stack(name, { ...(limit !== undefined && { limit }), ...(depth !== undefined && { depth }) });
    default:
      return argument(type, name);
  }
}

export function isInteger(type: ArgumentType): type is IntegerType {
  return Object.hasOwn(INTEGER_RANGES, type);
}

function argument<Type extends ArgumentType>(type: Type, name: string): Argument<Type> {
  if (typeof name !== 'string' || !/^[a-zA-Z_][a-zA-Z0-9_]{0,62}$/.test(name)) {
    throw new DefinitionError(
      'SONDE_ARGUMENT_NAME',
      `an argument of type ${type} is named ${show(name)}; ` +
        'a name is a letter or _ followed by up to 62 letters, digits or _, since debuggers use it as a C identifier',
    );
  }
  return whole({ type, name });
}

function text<Type extends 'string' | 'json' | 'stack'>(
  type: Type,
  name: string,
  options?: StackOptions,
): Argument<Type> {
  if (options === undefined) return whole({ ...argument(type, name), limit: DEFAULT_LIMIT });
  if (typeof options !== 'object' || options === null) {
    throw new DefinitionError(
      'SONDE_ARGUMENT_OPTION',
      `argument ${show(name)}: options are ${show(options)}; give an object: { limit: 200 }, or leave them out`,
    );
  }
  const known = type === 'stack' ? ['limit', 'depth'] : ['limit'];
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new DefinitionError(
      'SONDE_ARGUMENT_OPTION',
      `argument ${show(name)}: there is no option ${show(unknown)}; the options of ${type} are ${known.join(', ')}`,
    );
  }
  const { limit = DEFAULT_LIMIT } = options;
  if (!isWhole(limit, GREATEST_LIMIT)) throw wrongNumber(name, 'limit', limit, GREATEST_LIMIT, 'bytes of UTF-8');
  return whole({ ...argument(type, name), limit });
}

const isWhole = (value: unknown, most: number) =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most;

function wrongNumber(name: string, option: string, value: unknown, most: number, unit: string): DefinitionError {
  return new DefinitionError(
    'SONDE_ARGUMENT_OPTION',
    `argument ${show(name)}: ${option} is ${show(value)}; give a whole number of ${unit} from 1 to ${most}, or leave it out`,
  );
}
