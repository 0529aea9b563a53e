import { ElfError } from './error.js';
import type { ProgramProbes } from './program-note.js';

/** The processors for which probe objects are written, by Node.js's names (`process.arch`). */
export type Architecture = 'x64' | 'arm64';

/**
 * The C type of a native argument, as tools see it.
 *
 * `int8` … `uint64` are C's `int8_t` … `uint64_t`; `boolean` is C's `bool`, one byte; `string` is a
 * `const char *` to text that ends with a zero byte; `pointer` is a `const void *`. Tools extend
 * `int8` … `int32` by their sign, the unsigned ones and `boolean` by zeros.
 *
 * Whoever calls a stub extends every argument to 64 bits, by sign or zeros, in registers and on the
 * stack: most tools cut off what is too much, but bpftrace's `args->name` shows the whole register.
 */
export type NativeType =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'boolean'
  | 'string'
  | 'pointer';

/** One argument of a probe. */
export interface NativeArgument {
  /**
   * A C identifier, unique in its probe: the parameter's name in DWARF (`args->peer` in bpftrace,
   * `peer` in perf and gdb).
   */
  name: string;
  type: NativeType;
}

/** One probe: a note that tools find it by, and a function (its *stub*) that tools patch. */
export interface ProbeDefinition {
  /** A C identifier, 1 to 63 characters, unique in the object: the probe's name in its SDT note. */
  name: string;
  /**
   * A C identifier, 1 to 255 characters, unique in the object: the stub's symbol, what
   * `uprobe:OBJECT:SYMBOL` and backtraces show.
   */
  symbol: string;
  /**
   * At most 12, the limit of SDT notes. The first six (x64) or eight (arm64) arrive in registers,
   * the others on the stack, as in C.
   */
  arguments: readonly NativeArgument[];
}

/** What a probe object shall contain. The same definition always gives the same bytes. */
export interface ProbeObjectDefinition {
  /** A C identifier, 1 to 255 characters. */
  provider: string;
  architecture: Architecture;
  /**
   * Length in bytes of the first instruction of each stub on x64. Which one is best depends on the
   * kernel:
   *
   * - 1 is right everywhere, and emulated in the trap where nothing better is known;
   * - 5 can be replaced by a call from Linux 6.18 on; older kernels step over it, which is slow;
   * - 10 is for kernels that replace this one. **On others no uprobe can be set on it**: it has a
   *   segment prefix, which they refuse, and tracers attach without an error and see nothing. (gdb
   *   is not concerned.)
   *
   * arm64 has only its 4-byte nop and ignores this.
   */
  nop: 1 | 5 | 10;
  /**
   * Write SDT notes (`.note.stapsdt`)? `false` leaves symbols, DWARF and BTF: no tool lists the
   * probes as USDT.
   */
  notes: boolean;
  probes: readonly ProbeDefinition[];
  /**
   * What tools that know sonde are told in `.note.sonde`: by names of probes, those alone of which
   * there is something to say. Without it, the object has no such note.
   */
  program?: ProgramProbes;
}

/** What tools and C call a type, and how DWARF encodes it. */
export interface CType {
  /** Bytes. */
  size: 1 | 2 | 4 | 8;
  signed: boolean;
}

export const cTypes: Readonly<Record<NativeType, CType>> = {
  int8: { size: 1, signed: true },
  int16: { size: 2, signed: true },
  int32: { size: 4, signed: true },
  int64: { size: 8, signed: true },
  uint8: { size: 1, signed: false },
  uint16: { size: 2, signed: false },
  uint32: { size: 4, signed: false },
  uint64: { size: 8, signed: false },
  boolean: { size: 1, signed: false },
  string: { size: 8, signed: false },
  pointer: { size: 8, signed: false },
};

/** So that a string table stays small whatever is given; tracers carry less. */
const LONGEST_IDENTIFIER = 255;

/**
 * Checks everything that the writer relies on. @throws {ElfError} for the first value that breaks a
 * rule.
 */
export function checkDefinition(definition: ProbeObjectDefinition): void {
  if (typeof definition !== 'object' || definition === null) {
    throw new ElfError(`definition: ${show(definition)} is not an object`);
  }
  const { provider, architecture, nop, notes, probes } = definition;
  checkIdentifier('provider', provider, LONGEST_IDENTIFIER);
  if (architecture !== 'x64' && architecture !== 'arm64') {
    throw new ElfError(`architecture: ${show(architecture)} is neither 'x64' nor 'arm64'`);
  }
  if (nop !== 1 && nop !== 5 && nop !== 10) throw new ElfError(`nop: ${show(nop)} is not 1, 5 or 10`);
  if (typeof notes !== 'boolean') throw new ElfError(`notes: ${show(notes)} is neither true nor false`);
  if (!Array.isArray(probes)) throw new ElfError(`probes: ${show(probes)} is not an array`);

  const names = new Set<string>();
  const symbols = new Set<string>();
  for (let i = 0; i < probes.length; i++) {
    const probe = probes[i]!;
    if (typeof probe !== 'object' || probe === null)
      throw new ElfError(`probes[${i}]: ${show(probe)} is not an object`);
    checkIdentifier('probe name', probe.name, LONGEST_IDENTIFIER);
    checkIdentifier('symbol', probe.symbol, LONGEST_IDENTIFIER);
    if (names.size === names.add(probe.name).size) {
      throw new ElfError(`probe name: ${show(probe.name)} is used twice; names are unique in an object`);
    }
    if (symbols.size === symbols.add(probe.symbol).size) {
      throw new ElfError(`symbol: ${show(probe.symbol)} is used twice; symbols are unique in an object`);
    }
    checkArguments(probe);
  }
}

function checkArguments(probe: ProbeDefinition): void {
  const parameters = probe.arguments;
  if (!Array.isArray(parameters)) {
    throw new ElfError(`arguments of ${probe.name}: ${show(parameters)} is not an array`);
  }
  for (let i = 0; i < parameters.length; i++) {
    const parameter = parameters[i] as NativeArgument;
    if (typeof parameter !== 'object' || parameter === null) {
      throw new ElfError(`arguments[${i}] of ${probe.name}: ${show(parameter)} is not an object`);
    }
    checkIdentifier(`argument name in ${probe.name}`, parameter.name, LONGEST_IDENTIFIER);
    if (!Object.hasOwn(cTypes, parameter.type)) {
      throw new ElfError(
        `type of ${probe.name}.${parameter.name}: ${show(parameter.type)} is none of ${Object.keys(cTypes).join(', ')}`,
      );
    }
    for (let j = 0; j < i; j++) {
      if (parameters[j]!.name === parameter.name) {
        throw new ElfError(`argument name in ${probe.name}: ${show(parameter.name)} is used twice`);
      }
    }
  }
}

function checkIdentifier(what: string, name: unknown, maxLength: number): asserts name is string {
  if (typeof name !== 'string') throw new ElfError(`${what}: ${show(name)} is not a string`);
  if (name.length === 0 || name.length > maxLength) {
    throw new ElfError(`${what}: ${show(name)} has ${name.length} characters; 1 to ${maxLength} are allowed`);
  }
  if (!identifier.test(name)) {
    throw new ElfError(
      `${what}: ${show(name)} is not a C identifier (letters, digits and '_', no digit at the beginning)`,
    );
  }
}

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A value for a message: recognisable, never long, never an exception. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  return value === null || typeof value !== 'object' ? String(value) : Object.prototype.toString.call(value);
}
