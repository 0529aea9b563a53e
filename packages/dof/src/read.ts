import {
  DEPENDENCY_CLASSES,
  DIF_DIR_NREGS,
  DIF_DTR_NREGS,
  DIF_VERSION_2,
  DOF_ENCODE_LSB,
  DOF_ENCODE_MSB,
  DOF_ID_DIFIREG,
  DOF_ID_DIFTREG,
  DOF_ID_DIFVERS,
  DOF_ID_ENCODING,
  DOF_ID_MODEL,
  DOF_ID_PAD,
  DOF_ID_SIZE,
  DOF_ID_VERSION,
  DOF_MAG,
  DOF_MODEL_ILP32,
  DOF_MODEL_LP64,
  DOF_SECF_LOAD,
  DOF_SECT_NONE,
  DOF_SECT_PRARGS,
  DOF_SECT_PRENOFFS,
  DOF_SECT_PROBES,
  DOF_SECT_PROFFS,
  DOF_SECT_PROVIDER,
  DOF_SECT_STRTAB,
  DOF_VERSION_1,
  DOF_VERSION_3,
  DTRACE_ARGTYPELEN,
  DTRACE_FUNCNAMELEN,
  DTRACE_NAMELEN,
  DTRACE_PROVNAMELEN,
  HEADER_SIZE,
  isLoadable,
  LARGEST,
  LARGEST_ON_MACOS,
  OFFSET_SIZE,
  PROBE_SIZE,
  PROVIDER_SIZE,
  PROVIDER_SIZE_OF_VERSION_1,
  SECTION_HEADER_SIZE,
  STABILITIES,
} from './constants.js';
import {
  type Attributes,
  areDistinct,
  type ByteOrder,
  type DofVersion,
  type ProbeDefinition,
  type ProviderAttributes,
  RESERVED,
} from './definition.js';
import { DofError } from './error.js';
import { acceptedVersions, type BrokenRule, breach, type RuleName, type System } from './rules.js';

/** A section header. */
export interface DofSection {
  /** Its place in the table, by which others refer to it. */
  index: number;
  /** `dofs_type`, as 8 for a string table. */
  type: number;
  /** In bytes. */
  alignment: number;
  /** `dofs_flags`: 1 if it is loaded. Nobody looks at what is not, so that need not exist. */
  flags: number;
  /** Bytes of an entry, where it has entries. */
  entrySize: number;
  /** From the start of DOF; exact up to 2^53. */
  offset: number;
  /** In bytes; exact up to 2^53. */
  size: number;
}

/** A probe, with nothing left out: see {@link ProbeDefinition} for what it means. */
export interface DofProbe extends Required<ProbeDefinition> {
  /** As it stands there: relocations, which `dtrace -G` leaves, are not applied. */
  address: bigint;
}

export interface DofProvider {
  provider: string;
  attributes: ProviderAttributes;
  probes: readonly DofProbe[];
}

/** What DOF holds. */
export interface DofFile {
  version: DofVersion;
  byteOrder: ByteOrder;
  /** `dofh_loadsz`: bytes that a loader would look at. */
  size: number;
  sections: readonly DofSection[];
  /** One for each section PROVIDER. */
  providers: readonly DofProvider[];
}

/** Which loaders shall be satisfied. */
export interface ValidateOptions {
  /** This one, or else all that take the version. */
  system?: System;
  /** The machine's: little-endian unless told. */
  byteOrder?: ByteOrder;
}

/**
 * Reads DOF of helper providers, of either byte order, as `writeDof` or `dtrace -G` write it. What
 * else there may be in it (D programs, translators, relocations) is passed over. Breaches of
 * loaders' rules that are no obstacle to reading are, too: see {@link validate}.
 *
 * @throws {DofError} if the bytes are not DOF, DOF of a 32-bit program, end before what they
 * promise, or refer to what is not there; also if they refer to the same things so often that
 * reading would take more than their length justifies.
 */
export function readDof(bytes: Uint8Array): DofFile {
  return new Reader(bytes, () => {}).read();
}

/**
 * The rules of the systems' loaders that DOF breaks, in the order in which they would find out;
 * none if it would be loaded. After a breach that leaves the rest without meaning there is nothing
 * more.
 *
 * @throws {DofError} only if `bytes` is not a Uint8Array.
 */
export function validate(bytes: Uint8Array, options: ValidateOptions = {}): BrokenRule[] {
  const broken: BrokenRule[] = [];
  const reader = new Reader(bytes, (rule) => broken.push(rule), options.byteOrder ?? 'little', options.system);
  try {
    reader.read();
  } catch (error) {
    if (!(error instanceof DofError) || error.broken === undefined) throw error;
    broken.push(error.broken);
    return broken.filter((rule) => rule === error.broken || reader.concerns(rule));
  }
  return broken.filter((rule) => reader.concerns(rule));
}

/**
 * How many bytes may be read for each there is. Names and types of probes in many functions are
 * often shared.
 */
const MOST_SHARING = 64;

/**
 * Reading is checking: one pass does both, and what a loader would refuse but can be read is only
 * told.
 */
class Reader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly tell: (broken: BrokenRule) => void;
  private readonly machine: ByteOrder | undefined;
  private readonly system: System | undefined;
  private readonly text: Buffer;
  private little = true;
  private version: DofVersion = 2;
  private sections: DofSection[] = [];
  /** Where the section headers are, and how far apart. */
  private headers = { start: 0, distance: 0 };
  private budget: number;

  constructor(bytes: Uint8Array, tell: (broken: BrokenRule) => void, machine?: ByteOrder, system?: System) {
    if (!(bytes instanceof Uint8Array)) throw new DofError(`${typeof bytes} is not a Uint8Array`);
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.tell = tell;
    this.machine = machine;
    this.system = system;
    this.budget = MOST_SHARING * bytes.length;
  }

  /** Whether a system that may get this DOF has this rule. */
  concerns({ systems }: BrokenRule): boolean {
    const { system, version } = this;
    if (system !== undefined) return systems.includes(system);
    return systems.some((each) => acceptedVersions[each].includes(version));
  }

  read(): DofFile {
    const size = this.readHeader();
    const providers: DofProvider[] = [];
    for (const section of this.sections) {
      if (section.type === DOF_SECT_PROVIDER) providers.push(this.readProvider(section));
    }
    if (providers.length === 0) this.note('provider-section', HEADER_SIZE, `${this.sections.length} sections`);
    return {
      version: this.version,
      byteOrder: this.little ? 'little' : 'big',
      size,
      sections: this.sections,
      providers,
    };
  }

  private readHeader(): number {
    const { bytes, view } = this;
    if (bytes.length < HEADER_SIZE) this.fail('header', 0, `${bytes.length} bytes`);
    if (view.getUint32(0) !== DOF_MAG) this.fail('magic', 0, this.text.toString('hex', 0, 4));
    const model = bytes[DOF_ID_MODEL]!;
    if (model !== DOF_MODEL_LP64) {
      this.fail(
        'model',
        DOF_ID_MODEL,
        model === DOF_MODEL_ILP32 ? 'DOF of a 32-bit program (1, ILP32)' : `model ${model}`,
      );
    }
    const encoding = bytes[DOF_ID_ENCODING]!;
    if (encoding !== DOF_ENCODE_LSB && encoding !== DOF_ENCODE_MSB) {
      this.fail('encoding', DOF_ID_ENCODING, `encoding ${encoding}`);
    }
    this.little = encoding === DOF_ENCODE_LSB;
    if (this.machine !== undefined && this.little !== (this.machine === 'little')) {
      this.note('native-encoding', DOF_ID_ENCODING, `encoding ${encoding}`);
    }
    const version = bytes[DOF_ID_VERSION]!;
    if (version !== 1 && version !== 2 && version !== 3) this.fail('version', DOF_ID_VERSION, `version ${version}`);
    this.version = version as DofVersion;
    if (this.system !== undefined && !acceptedVersions[this.system].includes(version)) {
      this.note('accepted-version', DOF_ID_VERSION, `version ${version} for ${this.system}`);
    }
    const dif = bytes[DOF_ID_DIFVERS]!;
    if (dif !== DIF_VERSION_2) this.note('dif-version', DOF_ID_DIFVERS, `version ${dif}`);
    const integers = bytes[DOF_ID_DIFIREG]!;
    if (integers > DIF_DIR_NREGS) this.note('integer-registers', DOF_ID_DIFIREG, `${integers} registers`);
    const tuples = bytes[DOF_ID_DIFTREG]!;
    if (tuples > DIF_DTR_NREGS) this.note('tuple-registers', DOF_ID_DIFTREG, `${tuples} registers`);
    for (let at = DOF_ID_PAD; at < DOF_ID_SIZE; at++) {
      if (bytes[at] === 0) continue;
      this.note('ident-padding', at, `${bytes[at]}`);
      break;
    }
    const flags = this.u32(16);
    if (flags !== 0) this.note('flags', 16, `flags 0x${flags.toString(16)}`);
    const loadSize = this.size(40);
    if (loadSize < HEADER_SIZE || loadSize > bytes.length) {
      this.fail('load-size', 40, `load size ${loadSize} in ${bytes.length} bytes`);
    }
    if (loadSize >= LARGEST) this.note('load-size-limit', 40, `load size ${loadSize}`);
    if (loadSize >= LARGEST_ON_MACOS) this.note('load-size-limit-macos', 40, `load size ${loadSize}`);
    this.readSections(loadSize);
    return loadSize;
  }

  private readSections(loadSize: number): void {
    const entrySize = this.u32(24);
    const count = this.u32(28);
    const start = this.size(32);
    if (entrySize < SECTION_HEADER_SIZE) this.fail('section-header-size', 24, `${entrySize} bytes`);
    if (entrySize !== SECTION_HEADER_SIZE) this.note('section-header-exact', 24, `${entrySize} bytes`);
    if (start + count * entrySize > loadSize) {
      this.fail('section-headers', 32, `${count} of ${entrySize} bytes at ${start} of ${loadSize}`);
    }
    if (start % 8 !== 0) this.note('section-headers-aligned', 32, `section headers at ${start}`);
    if (entrySize % 8 !== 0) this.note('section-header-multiple', 24, `${entrySize} bytes`);
    this.headers = { start, distance: entrySize };
    for (let index = 0; index < count; index++) {
      const at = start + index * entrySize;
      const section: DofSection = {
        index,
        type: this.u32(at),
        alignment: this.u32(at + 4),
        flags: this.u32(at + 8),
        entrySize: this.u32(at + 12),
        offset: this.size(at + 16),
        size: this.size(at + 24),
      };
      this.sections.push(section);
      this.checkSection(section, at, loadSize);
    }
  }

  private checkSection(
    { index, type, alignment, flags, offset, size }: DofSection,
    at: number,
    loadSize: number,
  ): void {
    const what = `section ${index} of type ${type}`;
    if ((flags & DOF_SECF_LOAD) === 0) {
      if (isLoadable(type)) this.note('load-flag', at + 8, `${what} with flags ${flags}`);
      return;
    }
    if ((alignment & (alignment - 1)) !== 0) {
      this.note('section-alignment', at + 4, `${what}, aligned to ${alignment}`);
    } else if (offset % (alignment || 2 ** 32) !== 0) {
      // Where the alignment is 0, loaders reckon as if it were 2^32.
      this.note('section-aligned', at + 16, `${what} at ${offset}, aligned to ${alignment}`);
    }
    if (offset + size > loadSize)
      this.fail('section-range', at + 16, `${what}: ${size} bytes at ${offset} of ${loadSize}`);
    // Of an empty table loaders look at the byte before it.
    if (type === DOF_SECT_STRTAB && (size === 0 || this.bytes[offset + size - 1] !== 0)) {
      this.fail('string-table-end', offset + size, what);
    }
  }

  private readProvider(section: DofSection): DofProvider {
    const { version } = this;
    const { index, offset: at } = section;
    if ((section.flags & DOF_SECF_LOAD) === 0) this.fail('section-loaded', this.flagsAt(section), `section ${index}`);
    if (at % 4 !== 0) this.note('provider-aligned', this.offsetAt(section), `section ${index} at ${at}`);
    const needed = version === DOF_VERSION_1 ? PROVIDER_SIZE_OF_VERSION_1 : PROVIDER_SIZE;
    if (section.size < needed)
      this.fail('provider-size', this.sizeAt(section), `section ${index} of ${section.size} bytes`);

    const strtab = this.reference(at, DOF_SECT_STRTAB);
    const probes = this.reference(at + 4, DOF_SECT_PROBES);
    const prargs = this.reference(at + 8, DOF_SECT_PRARGS);
    const proffs = this.reference(at + 12, DOF_SECT_PROFFS);
    const hasPrenoffs = version !== DOF_VERSION_1 && this.u32(at + 40) !== DOF_SECT_NONE;
    const prenoffs = hasPrenoffs ? this.reference(at + 40, DOF_SECT_PRENOFFS) : undefined;

    const provider = this.string(strtab, at + 16, 'provider-name', DTRACE_PROVNAMELEN, 'provider-name-length');
    this.checkProviderName(provider, at + 16);
    const attributes: ProviderAttributes = {
      provider: this.attributes(at + 20),
      module: this.attributes(at + 24),
      function: this.attributes(at + 28),
      name: this.attributes(at + 32),
      args: this.attributes(at + 36),
    };

    if (probes.entrySize < PROBE_SIZE || probes.entrySize > probes.size) {
      this.fail('probes-entry-size', this.entrySizeAt(probes), `${probes.size} bytes of ${probes.entrySize} each`);
    }
    if (probes.entrySize % 8 !== 0)
      this.note('probes-entry-multiple', this.entrySizeAt(probes), `${probes.entrySize} bytes`);
    if (proffs.entrySize !== OFFSET_SIZE)
      this.fail('offsets-entry-size', this.entrySizeAt(proffs), `${proffs.entrySize} bytes`);
    if (proffs.offset % 4 !== 0)
      this.note('offsets-aligned', this.offsetAt(proffs), `section ${proffs.index} at ${proffs.offset}`);
    if (prargs.entrySize !== 1)
      this.fail('arguments-entry-size', this.entrySizeAt(prargs), `${prargs.entrySize} bytes`);
    if (prenoffs !== undefined && prenoffs.entrySize !== OFFSET_SIZE) {
      this.fail('is-enabled-entry-size', this.entrySizeAt(prenoffs), `${prenoffs.entrySize} bytes`);
    }

    const found: DofProbe[] = [];
    const seen = new Set<string>();
    for (let i = 0; i < Math.floor(probes.size / probes.entrySize); i++) {
      const position = probes.offset + i * probes.entrySize;
      this.spend(PROBE_SIZE, position);
      const probe = this.readProbe(position, strtab, prargs, proffs, prenoffs);
      found.push(probe);
      const { name, function: function_ } = probe;
      if (!isFileName(name) || !isFileName(function_)) this.note('file-name', position, `probe ${function_}:${name}`);
      if (seen.size === seen.add(`${function_}\0${name}`).size) {
        this.note('probe-distinct', position, `probe ${function_}:${name}`);
      }
    }
    return { provider, attributes, probes: found };
  }

  private checkProviderName(name: string, at: number): void {
    const what = `provider ${JSON.stringify(name)}`;
    if (Buffer.byteLength(name) > 53) this.note('provider-name-pid', at, what);
    if (RESERVED.has(name)) {
      const broken = breach('provider-name-reserved', at, what);
      this.tell(name === 'pid' ? broken : { ...broken, systems: ['macos'] });
    }
    if (!/^[A-Za-z_.-][A-Za-z0-9_.`-]*$/.test(name)) this.note('provider-name-characters', at, what);
    if (!isFileName(name)) this.note('file-name', at, what);
  }

  private readProbe(
    at: number,
    strtab: DofSection,
    prargs: DofSection,
    proffs: DofSection,
    prenoffs: DofSection | undefined,
  ): DofProbe {
    const { version } = this;
    const function_ = this.string(strtab, at + 8, 'function', DTRACE_FUNCNAMELEN, 'function-length');
    const name = this.string(strtab, at + 12, 'name', DTRACE_NAMELEN, 'name-length');
    const what = `probe ${function_}:${name}`;

    const offsets = this.offsets(proffs, this.u32(at + 28), this.u16(at + 34), 'offsets', at + 28, what);
    let isEnabledOffsets: number[] = [];
    if (version !== DOF_VERSION_1) {
      const index = this.u32(at + 36);
      const count = this.u16(at + 40);
      if (prenoffs !== undefined) {
        isEnabledOffsets = this.offsets(prenoffs, index, count, 'is-enabled-offsets', at + 36, what);
      } else if (index !== 0 || count !== 0) {
        this.note('is-enabled-section', at + 36, `${what} with ${count} at ${index}`);
      }
    }
    if (offsets.length + isEnabledOffsets.length === 0) this.note('tracepoints', at + 34, what);

    const nativeCount = this.bytes[at + 32]!;
    const count = this.bytes[at + 33]!;
    const first = this.u32(at + 24);
    if (first + count > prargs.size) {
      this.fail('argument-map-range', at + 24, `${what}: ${count} at ${first} of ${prargs.size}`);
    }
    const nativeArguments = this.types(strtab, at + 16, nativeCount, 'native-type', 'native-type-length');
    this.spend(count, at + 24);
    const argumentMap: number[] = [];
    for (let i = 0; i < count; i++) {
      const position = prargs.offset + first + i;
      const index = this.bytes[position]!;
      argumentMap.push(index);
      if (index >= nativeCount) {
        const what_ = `${what}: argument ${i} is native argument ${index} of ${nativeCount}`;
        this.note('argument-map', position, what_);
        if (index > nativeCount) this.note('argument-map-kernel', position, what_);
      }
    }
    const translatedArguments = this.types(strtab, at + 20, count, 'translated-type', 'translated-type-length');

    if (!areDistinct(offsets)) this.note('offsets-distinct', at + 28, what);
    if (!areDistinct(isEnabledOffsets)) this.note('is-enabled-distinct', at + 36, what);
    return {
      name,
      function: function_,
      address: this.view.getBigUint64(at, this.little),
      offsets,
      isEnabledOffsets,
      nativeArguments,
      translatedArguments,
      argumentMap,
    };
  }

  /** The section that an index at a position refers to. */
  private reference(at: number, type: number): DofSection {
    const index = this.u32(at);
    const section = this.sections[index];
    if (section === undefined) return this.fail('section-reference', at, `section ${index} of ${this.sections.length}`);
    if ((section.flags & DOF_SECF_LOAD) === 0)
      return this.fail('section-loaded', this.flagsAt(section), `section ${index}`);
    if (section.type !== type) {
      return this.fail('section-type', at, `section ${index} is of type ${section.type}, not ${type}`);
    }
    return section;
  }

  /**
   * Offsets at an index in their section. On macOS, which is what version 3 is for, they have a
   * sign.
   */
  private offsets(
    { offset: start, size }: DofSection,
    index: number,
    count: number,
    rule: RuleName,
    at: number,
    what: string,
  ): number[] {
    if ((index + count) * OFFSET_SIZE > size)
      this.fail(rule, at, `${what}: ${count} at ${index} of ${size / OFFSET_SIZE}`);
    this.spend(count * OFFSET_SIZE, at);
    const offsets: number[] = [];
    for (let i = 0; i < count; i++) {
      const position = start + (index + i) * OFFSET_SIZE;
      offsets.push(this.version === DOF_VERSION_3 ? this.view.getInt32(position, this.little) : this.u32(position));
    }
    return offsets;
  }

  private attributes(at: number): Attributes {
    const value = this.u32(at);
    const name = STABILITIES[value >>> 24];
    const data = STABILITIES[(value >>> 16) & 0xff];
    const dependency = DEPENDENCY_CLASSES[(value >>> 8) & 0xff];
    if (name === undefined || data === undefined || dependency === undefined) {
      return this.fail('attributes', at, `attributes 0x${value.toString(16)}`);
    }
    return { name, data, class: dependency };
  }

  private string(strtab: DofSection, at: number, rule: RuleName, limit: number, lengthRule: RuleName): string {
    return this.strings(strtab, at, 1, rule, limit, lengthRule)[0]!;
  }

  private types(strtab: DofSection, at: number, count: number, rule: RuleName, lengthRule: RuleName): string[] {
    return this.strings(strtab, at, count, rule, DTRACE_ARGTYPELEN, lengthRule);
  }

  /**
   * Texts, one after the other, from an index that stands at a position; each ends with a zero
   * within `limit`.
   */
  private strings(
    { offset, size }: DofSection,
    at: number,
    count: number,
    rule: RuleName,
    limit: number,
    lengthRule: RuleName,
  ): string[] {
    const texts: string[] = [];
    let start = this.u32(at);
    for (let i = 0; i < count; i++) {
      if (start >= size) this.fail(rule, at, `index ${start} of ${size}`);
      const from = offset + start;
      let end = from;
      // The table ends with a zero.
      while (this.bytes[end] !== 0) end++;
      if (end - from >= limit) this.fail(lengthRule, from, `${end - from} bytes`);
      this.spend(end - from + 1, at);
      texts.push(this.text.toString('utf8', from, end));
      start += end - from + 1;
    }
    return texts;
  }

  // The fields of a section's header.

  private flagsAt({ index }: DofSection): number {
    return this.headers.start + index * this.headers.distance + 8;
  }

  private entrySizeAt({ index }: DofSection): number {
    return this.headers.start + index * this.headers.distance + 12;
  }

  private offsetAt({ index }: DofSection): number {
    return this.headers.start + index * this.headers.distance + 16;
  }

  private sizeAt({ index }: DofSection): number {
    return this.headers.start + index * this.headers.distance + 24;
  }

  private u16(position: number): number {
    return this.view.getUint16(position, this.little);
  }

  private u32(position: number): number {
    return this.view.getUint32(position, this.little);
  }

  /** 64 bits; exact in all DOF there can be. */
  private size(position: number): number {
    const first = this.u32(position);
    const second = this.u32(position + 4);
    return this.little ? second * 0x100000000 + first : first * 0x100000000 + second;
  }

  private spend(bytes: number, at: number): void {
    this.budget -= bytes;
    if (this.budget < 0) this.fail('shared-too-often', at, 'too much is shared');
  }

  private note(rule: RuleName, at: number, what: string): void {
    this.tell(breach(rule, at, what));
  }

  private fail(rule: RuleName, at: number, what: string): never {
    const broken = breach(rule, at, what);
    throw new DofError(broken.message, broken);
  }
}

/** DTrace for Linux makes files of names, and finds them again by their colons. */
function isFileName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[:/]/.test(name);
}
