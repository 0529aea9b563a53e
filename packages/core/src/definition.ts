import { type Argument, checkArgument } from './arguments.js';
import { DefinitionError, show } from './errors.js';
import {
  LONGEST_FUNCTION_NAME,
  LONGEST_PROBE_NAME,
  LONGEST_PROVIDER_NAME,
  MOST_NATIVE_ARGUMENTS,
  RESERVED_PROVIDER_NAMES,
} from './limits.js';

/** A probe's arguments, or these with names of its own for tracers. */
export type ProbeSource =
  | readonly Argument[]
  | {
      readonly name: string;
      readonly arguments: readonly Argument[];
      /**
       * DTrace's third name for the probe; the probe's own name where it is left out. At most 127
       * bytes.
       */
      readonly function?: string;
    };

/**
 * What native code and tracers see of an argument; a `bytes` argument makes two. `string` and
 * `pointer` are addresses.
 */
export type NativeType = Exclude<Argument['type'], 'json' | 'stack' | 'bytes'> | 'pointer';
export interface NativeArgument {
  readonly name: string;
  readonly type: NativeType;
}

export interface ProbeDefinition {
  /** As tracers on Linux know it: `session__start`. */
  readonly name: string;
  readonly arguments: readonly Argument[];
  readonly native: readonly NativeArgument[];
  /** As {@link ProbeSource} has it. */
  readonly function?: string;
  /**
   * What the program calls it, or the operation it is a part of, where that is not its name with a
   * capital for each `__`.
   */
  readonly key?: string;
  /** Of an operation, which of its probes it is. */
  readonly part?: Part;
}

export type Part = 'start' | 'done' | 'error';

/** A provider as backends get it: checked, with every name mapped. */
export interface ProviderDefinition {
  readonly name: string;
  readonly probes: readonly ProbeDefinition[];
  /** DTrace's second name for the probes, if the program gives one. */
  readonly module?: string;
}

/**
 * Checks a provider's name: what is wrong on one system is wrong on all, so that a program is right
 * everywhere.
 */
export function checkProviderName(name: unknown): asserts name is string {
  const broken = (rule: string) =>
    new DefinitionError('SONDE_PROVIDER_NAME', `the provider's name is ${show(name)}; ${rule}`);
  if (typeof name !== 'string' || !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) {
    throw broken('a name is a letter or _ followed by letters, digits or _');
  }
  if (name.length > LONGEST_PROVIDER_NAME) {
    throw broken(`it has ${name.length} bytes and ${LONGEST_PROVIDER_NAME} are the most, since DTrace appends the pid`);
  }
  if (RESERVED_PROVIDER_NAMES.includes(name))
    throw broken('DTrace has a provider of its own of that name: rename yours');
  if (/\d$/.test(name))
    throw broken('it must not end in a digit, since DTrace appends the pid: put a letter or _ last');
}

/**
 * Checks one probe and maps its name. `key` is the property that the program uses for it.
 *
 * A capital becomes `__` and its lower case, and a dash `__`, which DTrace shows as a dash again; a
 * name given explicitly is taken as it is.
 */
export function defineProbe(key: string, source: ProbeSource, part?: Part): ProbeDefinition {
  const explicit = Array.isArray(source)
    ? undefined
    : (source as { name: unknown; arguments: unknown; function?: unknown });
  const list: unknown = explicit ? explicit.arguments : source;
  if (!Array.isArray(list)) {
    throw new DefinitionError(
      'SONDE_DEFINITION',
      `probe ${show(key)} is ${show(explicit ? list : source)}; ` +
        'give a list of arguments, [string("peer"), int32("port")], or { name, arguments }, or operation({ start, done })',
    );
  }
  const name = explicit ? explicit.name : nativeName(part ? `${key}-${part}` : key);
  checkProbeName(key, name);
  const place = explicit?.function;
  if (place !== undefined) checkPlace(`function of probe ${show(key)}`, place, LONGEST_FUNCTION_NAME);
  const args = list.map((argument, index) => defineArgument(name, argument, index));
  const native = args.flatMap(nativeArguments);
  if (native.length > MOST_NATIVE_ARGUMENTS) {
    throw new DefinitionError(
      'SONDE_ARGUMENT_COUNT',
      `probe ${show(name)} has ${native.length} native arguments and ${MOST_NATIVE_ARGUMENTS} are the most that tracers read ` +
        '(bytes counts as two, an operation adds id and ns): pass several values as one json',
    );
  }
  const seen = new Set<string>();
  for (const argument of native) {
    if (seen.has(argument.name)) {
      throw new DefinitionError(
        'SONDE_DUPLICATE',
        `probe ${show(name)} has two arguments named ${show(argument.name)}; give each its own name ` +
          '(bytes also takes <name>_length, operations take id, ns and message)',
      );
    }
    seen.add(argument.name);
  }
  // The rule does not lead back to these.
  const isSpecial = explicit !== undefined || key.includes('-') || key.includes('__');
  return new DefinedProbe(name, args, place as string | undefined, isSpecial ? key : undefined, part);
}

/**
 * Native arguments are made when they are asked for, which is when the provider is loaded: programs
 * define thousands of probes.
 */
class DefinedProbe implements ProbeDefinition {
  readonly name: string;
  readonly arguments: readonly Argument[];
  declare readonly function?: string;
  declare readonly key?: string;
  declare readonly part?: Part;

  constructor(
    name: string,
    args: readonly Argument[],
    place: string | undefined,
    key: string | undefined,
    part: Part | undefined,
  ) {
    this.name = name;
    this.arguments = args;
    if (place !== undefined) this.function = place;
    if (key !== undefined) this.key = key;
    if (part !== undefined) this.part = part;
  }

  get native(): readonly NativeArgument[] {
    return this.arguments.flatMap(nativeArguments);
  }
}

/** Checks that no two probes of a provider are one to a tracer. */
export function checkDistinct(provider: string, probes: readonly ProbeDefinition[]): void {
  const seen = new Set<string>();
  for (const { name } of probes) {
    if (seen.has(name)) {
      throw new DefinitionError(
        'SONDE_DUPLICATE',
        `provider ${show(provider)} has two probes that tracers would know as ${show(name)}; rename one ` +
          '(a capital and a dash both map to __)',
      );
    }
    seen.add(name);
  }
}

/** Checks a module's or function's name, which only DTrace has. */
export function checkPlace(what: string, name: unknown, most: number): asserts name is string {
  // DTrace for Linux makes files of these names, hence the dots.
  if (typeof name === 'string' && name.length <= most && /^(?!\.\.?$)[a-zA-Z0-9_.$`-]+$/.test(name)) return;
  throw new DefinitionError(
    'SONDE_PLACE_NAME',
    `the ${what} is ${show(name)}; give 1 to ${most} letters, digits, _, ., $, \` or -, which DTrace takes in a probe's name (not . or .. alone), or leave it out`,
  );
}

function nativeName(key: string): string {
  return key.replace(/-/g, '__').replace(/[A-Z]/g, (capital) => `__${capital.toLowerCase()}`);
}

function checkProbeName(key: string, name: unknown): asserts name is string {
  const broken = (rule: string) => {
    const what = name === key ? "the probe's name is" : `probe ${show(key)} has the native name`;
    return new DefinitionError('SONDE_PROBE_NAME', `${what} ${show(name)}; ${rule}`);
  };
  if (typeof name === 'string' && name.includes('-')) {
    throw broken('perf cannot carry a dash: write __ for it, which DTrace shows as a dash');
  }
  if (typeof name !== 'string' || !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) {
    throw broken(
      'a name is a letter or _ followed by letters, digits, _ or, in the program, -: rename it, or give tracers a name of ' +
        'their own with { name, arguments }',
    );
  }
  if (name.length > LONGEST_PROBE_NAME) {
    throw broken(`it has ${name.length} bytes and ${LONGEST_PROBE_NAME} are the most that DTrace carries: shorten it`);
  }
}

function defineArgument(probe: string, argument: unknown, index: number): Argument {
  const checked = checkArgument(argument);
  if (checked) return checked;
  throw new DefinitionError(
    'SONDE_DEFINITION',
    `argument ${index} of probe ${show(probe)} is ${show(argument)}; ` +
      'make it with int8 … int64, uint8 … uint64, boolean, string, json, bytes or stack',
  );
}

function nativeArguments({ name, type }: Argument): NativeArgument[] {
  switch (type) {
    case 'bytes':
      return [
        { name, type: 'pointer' },
        { name: `${name}_length`, type: 'uint64' },
      ];
    case 'json':
    case 'stack':
      return [{ name, type: 'string' }];
    default:
      return [{ name, type }];
  }
}
