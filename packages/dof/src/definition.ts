import {
  DEPENDENCY_CLASSES,
  DTRACE_ARGTYPELEN,
  DTRACE_FUNCNAMELEN,
  DTRACE_NAMELEN,
  DTRACE_PROVNAMELEN,
  STABILITIES,
} from './constants.js';
import { DofError } from './error.js';

export type ByteOrder = 'little' | 'big';

/**
 * illumos and FreeBSD take 1 and 2, macOS takes 3, Linux all of them. 1 has no is-enabled offsets.
 * From 2 to 3, the format did not change but for what offsets mean; see
 * {@link ProbeDefinition.offsets}.
 */
export type DofVersion = 1 | 2 | 3;

/** How likely something is to change, from never to be relied upon to a standard. */
export type Stability = (typeof STABILITIES)[number];

/** On which other machines something also exists, from nobody knows to all. */
export type DependencyClass = (typeof DEPENDENCY_CLASSES)[number];

/** What `dtrace -lv` shows as the stability of something: `Evolving/Evolving/Common`. */
export interface Attributes {
  /** Of its name. */
  name: Stability;
  /** Of its values and their meaning. */
  data: Stability;
  /**
   * illumos, FreeBSD and macOS show `isa` instead of `common`: their USDT exists for one
   * instruction set at a time.
   */
  class: DependencyClass;
}

/**
 * The stability of a provider's parts. Only D programs that ask for a minimum (`-x amin=…`) depend
 * on it.
 */
export interface ProviderAttributes {
  provider: Attributes;
  module: Attributes;
  function: Attributes;
  name: Attributes;
  args: Attributes;
}

/**
 * One probe. Its module is not told by DOF, but beside it, when it is given to the system
 * (`dofhp_mod`), at most 63 bytes.
 */
export interface ProbeDefinition {
  /**
   * 1 to 63 printable ASCII characters, no space, ':' or '/', as tracers shall show it:
   * `session-start`. No loader changes it; `__` becomes `-` in the compiler, `dtrace -G`, long
   * before there is DOF.
   */
  name: string;
  /**
   * The function the probe is said to be in: 1 to 127 characters as in names. With the name, unique
   * in the provider.
   */
  function: string;
  /**
   * What offsets are added to: 0 to 2^64 - 1, a number only up to 2^53.
   *
   * - illumos, FreeBSD, Linux: an address in the process, as it is. The base that is given beside
   *   DOF (`dofhp_addr`) is added where relocations say so; there are none in what this package
   *   writes.
   * - macOS: ignored. The base that is given beside DOF counts, and that must be where DOF itself
   *   lies.
   */
  address: bigint | number;
  /**
   * Where tracers put their traps: bytes from `address` to the instruction, 0 to 2^32 - 1 each, up
   * to 65535 of them, no two the same, less than 2^31 apart. In version 3 it is -2^31 to 2^31 - 1:
   * macOS adds them with their sign; Linux does not, and is not to be given negative ones.
   *
   * On macOS on x64 the loader subtracts 1 (it expects what Apple's linker leaves there), so there
   * it is one byte more than the instruction's place.
   *
   * May be empty from version 2 on if there are is-enabled offsets.
   */
  offsets: readonly number[];
  /**
   * The same, for instructions that ask whether somebody traces the probe. None unless told, and
   * none in version 1. The trap changes a register that the program then tests: rax becomes 1
   * (illumos, FreeBSD). macOS on x64 adds 2; Linux ignores them unless the version is 3.
   */
  isEnabledOffsets?: readonly number[];
  /**
   * The C types of what lies in the argument slots, in order, as D understands them (`int`,
   * `char *`, `uint64_t`): at most 255, 1 to 127 printable ASCII characters each. A tracer looks
   * unknown ones up in its own types and may refuse `args[0]`, never `arg0`.
   *
   * Slots are the C ABI's registers for integers, then the words of the stack; details differ by
   * system. To let the map point at a far slot, list as many types as there are slots up to it.
   */
  nativeArguments: readonly string[];
  /**
   * The types of `args[0]`, `args[1]`, …: at most 255. The native ones that the map points at
   * unless told.
   */
  translatedArguments?: readonly string[];
  /**
   * For each translated argument, the index of a native one. The native ones in order unless told.
   *
   * illumos, FreeBSD and macOS follow it for the first five arguments only, and not at all when it
   * is 0, 1, 2, …
   */
  argumentMap?: readonly number[];
}

/** A provider. The same definition always gives the same bytes. */
export interface DofDefinition {
  /** 2 unless told. */
  version?: DofVersion;
  /**
   * Little-endian unless told. Loaders take their own machine's only; all that sonde runs on are
   * little-endian.
   */
  byteOrder?: ByteOrder;
  /**
   * 1 to 53 letters, digits, and `-_.`, no digit at the beginning; not `pid`, `objc` or `oneshot`.
   * Tracers show it with the process id behind it. If it ends with a digit, some take that for a
   * part of the id: such a provider is found by `name*:::`, and perhaps not by `name$target:::`.
   */
  provider: string;
  /** {@link defaultAttributes} where not told. */
  attributes?: Partial<ProviderAttributes>;
  /** At least one. The sum of it all is limited: see `writeDof`. */
  probes: readonly ProbeDefinition[];
}

const evolving: Attributes = { name: 'evolving', data: 'evolving', class: 'common' };
const hidden: Attributes = { name: 'private', data: 'private', class: 'common' };

/**
 * What DTrace's manual ("Dynamic Tracing Guide", chapter "Stability") has for providers of
 * applications. Provider, names and arguments are an interface, which may change from release to
 * release; modules and functions are an accident of where the code happens to be, nothing to rely
 * on.
 */
export const defaultAttributes: Readonly<ProviderAttributes> = {
  provider: evolving,
  module: hidden,
  function: hidden,
  name: evolving,
  args: evolving,
};

/** The parts in the order of `dof_provider_t`. */
export const ATTRIBUTE_PARTS = ['provider', 'module', 'function', 'name', 'args'] as const;

/**
 * Less the zero at the end and the up to 10 digits of a process id: `fasttrap_meta_provide`
 * (illumos, FreeBSD, macOS).
 */
const LONGEST_PROVIDER = DTRACE_PROVNAMELEN - 1 - 10;
const LONGEST_NAME = DTRACE_NAMELEN - 1;
const LONGEST_FUNCTION = DTRACE_FUNCNAMELEN - 1;
const LONGEST_TYPE = DTRACE_ARGTYPELEN - 1;
/** `dofpr_nargc` and `dofpr_xargc` have 8 bits, `dofpr_noffs` and `dofpr_nenoffs` 16. */
const MOST_ARGUMENTS = 0xff;
const MOST_OFFSETS = 0xffff;

/**
 * Checks everything that the writer relies on. @throws {DofError} for the first value that breaks a
 * rule.
 */
export function checkDefinition(definition: DofDefinition): void {
  if (typeof definition !== 'object' || definition === null) {
    throw new DofError(`definition: ${show(definition)} is not an object`);
  }
  const { version = 2, byteOrder = 'little', provider, attributes = {}, probes } = definition;
  if (version !== 1 && version !== 2 && version !== 3) throw new DofError(`version: ${show(version)} is not 1, 2 or 3`);
  if (byteOrder !== 'little' && byteOrder !== 'big') {
    throw new DofError(`byteOrder: ${show(byteOrder)} is neither 'little' nor 'big'`);
  }
  checkText('provider', provider, LONGEST_PROVIDER, PROVIDER_NAME, "letters, digits and '-', '_', '.', no digit first");
  if (RESERVED.has(provider)) throw new DofError(`provider: ${show(provider)} is DTrace's own`);
  checkAttributes(attributes);
  if (!Array.isArray(probes)) throw new DofError(`probes: ${show(probes)} is not an array`);
  if (probes.length === 0) throw new DofError('probes: there is none; loaders refuse a provider without probes');

  const seen = new Set<string>();
  for (let i = 0; i < probes.length; i++) {
    const probe = probes[i]!;
    if (typeof probe !== 'object' || probe === null) {
      throw new DofError(`probes[${i}]: ${show(probe)} is not an object`);
    }
    checkText('probe name', probe.name, LONGEST_NAME, PLAIN_NAME, "printable ASCII without spaces, ':' and '/'");
    const what = `of ${probe.name}`;
    checkText(
      `function ${what}`,
      probe.function,
      LONGEST_FUNCTION,
      PLAIN_NAME,
      "printable ASCII without spaces, ':' and '/'",
    );
    if (seen.size === seen.add(`${probe.function}:${probe.name}`).size) {
      throw new DofError(`probe name: ${show(probe.name)} is used twice in function ${show(probe.function)}`);
    }
    checkAddress(`address ${what}`, probe.address);
    checkOffsets(`offsets ${what}`, probe.offsets, version);
    const isEnabled = probe.isEnabledOffsets ?? [];
    checkOffsets(`isEnabledOffsets ${what}`, isEnabled, version);
    if (version === 1 && isEnabled.length > 0) {
      throw new DofError(`isEnabledOffsets ${what}: version 1 has none; take version 2`);
    }
    if (probe.offsets.length + isEnabled.length === 0) {
      throw new DofError(`offsets ${what}: there is none; loaders refuse a probe without tracepoints`);
    }
    checkArguments(what, probe);
  }
}

function checkAttributes(attributes: Partial<ProviderAttributes>): void {
  if (typeof attributes !== 'object' || attributes === null) {
    throw new DofError(`attributes: ${show(attributes)} is not an object`);
  }
  for (const part of ATTRIBUTE_PARTS) {
    const value = attributes[part];
    if (value === undefined) continue;
    if (typeof value !== 'object' || value === null) {
      throw new DofError(`attributes.${part}: ${show(value)} is not an object`);
    }
    checkOneOf(`attributes.${part}.name`, value.name, STABILITIES);
    checkOneOf(`attributes.${part}.data`, value.data, STABILITIES);
    checkOneOf(`attributes.${part}.class`, value.class, DEPENDENCY_CLASSES);
  }
}

function checkOneOf(what: string, value: unknown, allowed: readonly string[]): void {
  if (!allowed.includes(value as string))
    throw new DofError(`${what}: ${show(value)} is none of ${allowed.join(', ')}`);
}

function checkAddress(what: string, address: unknown): void {
  const allowed =
    typeof address === 'bigint'
      ? address >= 0n && address < 1n << 64n
      : Number.isSafeInteger(address) && (address as number) >= 0;
  if (!allowed)
    throw new DofError(`${what}: ${show(address)} is not an integer from 0 to 2^64 - 1 (a number: 2^53 - 1)`);
}

function checkOffsets(what: string, offsets: unknown, version: DofVersion): void {
  if (!Array.isArray(offsets)) throw new DofError(`${what}: ${show(offsets)} is not an array`);
  if (offsets.length > MOST_OFFSETS) throw new DofError(`${what}: ${offsets.length} are more than ${MOST_OFFSETS}`);
  const [min, max, range] =
    version === 3 ? [-0x80000000, 0x7fffffff, '-2^31 to 2^31 - 1'] : [0, 0xffffffff, '0 to 2^32 - 1'];
  for (const offset of offsets) {
    if (!Number.isInteger(offset) || offset < min || offset > max) {
      throw new DofError(`${what}: ${show(offset)} is not an integer from ${range}`);
    }
  }
  if (!areDistinct(offsets)) {
    throw new DofError(`${what}: two are the same, or 2^31 or more apart; loaders then go without the probe`);
  }
}

/** What loaders find out by sorting. */
export function areDistinct(offsets: readonly number[]): boolean {
  if (offsets.length < 2) return true;
  const sorted = offsets.toSorted((a, b) => a - b);
  for (let i = 1; i < sorted.length; i++) if (sorted[i] === sorted[i - 1]) return false;
  return sorted[sorted.length - 1]! - sorted[0]! < 0x80000000;
}

function checkArguments(what: string, probe: ProbeDefinition): void {
  const { nativeArguments, translatedArguments, argumentMap } = probe;
  checkTypes(`nativeArguments ${what}`, nativeArguments);
  if (translatedArguments !== undefined) checkTypes(`translatedArguments ${what}`, translatedArguments);
  if (argumentMap !== undefined) {
    if (!Array.isArray(argumentMap)) throw new DofError(`argumentMap ${what}: ${show(argumentMap)} is not an array`);
    if (argumentMap.length > MOST_ARGUMENTS) {
      throw new DofError(`argumentMap ${what}: ${argumentMap.length} are more than ${MOST_ARGUMENTS}`);
    }
    for (const index of argumentMap) {
      if (!Number.isInteger(index) || index < 0 || index >= nativeArguments.length) {
        throw new DofError(
          `argumentMap ${what}: ${show(index)} is not the index of one of ${nativeArguments.length} native arguments`,
        );
      }
    }
  }
  const mapped = argumentMap?.length ?? nativeArguments.length;
  if (translatedArguments !== undefined && translatedArguments.length !== mapped) {
    throw new DofError(
      `translatedArguments ${what}: there are ${translatedArguments.length}, and the map has ${mapped} entries`,
    );
  }
}

function checkTypes(what: string, types: unknown): void {
  if (!Array.isArray(types)) throw new DofError(`${what}: ${show(types)} is not an array`);
  if (types.length > MOST_ARGUMENTS) throw new DofError(`${what}: ${types.length} are more than ${MOST_ARGUMENTS}`);
  for (const type of types) checkText(what, type, LONGEST_TYPE, PRINTABLE, 'printable ASCII');
}

function checkText(what: string, text: unknown, maxLength: number, pattern: RegExp, allowed: string): void {
  if (typeof text !== 'string') throw new DofError(`${what}: ${show(text)} is not a string`);
  if (text.length === 0 || text.length > maxLength) {
    throw new DofError(`${what}: ${show(text)} has ${text.length} characters; 1 to ${maxLength} are allowed`);
  }
  if (!pattern.test(text)) throw new DofError(`${what}: ${show(text)} is not made of ${allowed}, or is '.' or '..'`);
}

/** `dtrace_badname`, less its '`'. DTrace for Linux makes files of these names, hence the dots. */
const PROVIDER_NAME = /^(?!\.\.?$)[A-Za-z_.-][A-Za-z0-9_.-]*$/;
const PLAIN_NAME = /^(?!\.\.?$)[!-.0-9;-~]+$/;
const PRINTABLE = /^[ -~]+$/;

/**
 * Names of the system's own providers for processes: FASTTRAP_…_NAME in sys/fasttrap.h; the last
 * two on macOS.
 */
export const RESERVED: ReadonlySet<string> = new Set(['pid', 'objc', 'oneshot']);

/** A value for a message: recognisable, never long, never an exception. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === 'bigint' && value >> 64n !== 0n) return 'an integer of more than 64 bits';
  return value === null || typeof value !== 'object' ? String(value) : Object.prototype.toString.call(value);
}
