import { SHT_NOBITS } from './constants.js';
import { ElfError } from './error.js';
import type { ElfFile } from './read.js';
import type { ByteReader } from './reader.js';

/*
 * The units and entries of DWARF 2 to 5, as compilers and this package write them, without those
 * parts that few files have: what is not understood (split and compressed sections, 64-bit units,
 * units of types) is passed over.
 *
 * Section and table numbers are those of the DWARF 5 specification.
 */

// Section 7.5.1: kinds of units.
const DW_UT_compile = 1;
const DW_UT_partial = 3;

// Table 7.5: attributes.
const DW_AT_sibling = 0x01;
const DW_AT_name = 0x03;
const DW_AT_byte_size = 0x0b;
const DW_AT_low_pc = 0x11;
const DW_AT_high_pc = 0x12;
const DW_AT_abstract_origin = 0x31;
const DW_AT_encoding = 0x3e;
const DW_AT_specification = 0x47;
const DW_AT_type = 0x49;
const DW_AT_str_offsets_base = 0x72;
const DW_AT_addr_base = 0x73;

// Table 7.6: forms.
const DW_FORM_addr = 0x01;
const DW_FORM_block2 = 0x03;
const DW_FORM_block4 = 0x04;
const DW_FORM_data2 = 0x05;
const DW_FORM_data4 = 0x06;
const DW_FORM_data8 = 0x07;
const DW_FORM_string = 0x08;
const DW_FORM_block = 0x09;
const DW_FORM_block1 = 0x0a;
const DW_FORM_data1 = 0x0b;
const DW_FORM_flag = 0x0c;
const DW_FORM_sdata = 0x0d;
const DW_FORM_strp = 0x0e;
const DW_FORM_udata = 0x0f;
const DW_FORM_ref_addr = 0x10;
const DW_FORM_ref1 = 0x11;
const DW_FORM_ref2 = 0x12;
const DW_FORM_ref4 = 0x13;
const DW_FORM_ref8 = 0x14;
const DW_FORM_ref_udata = 0x15;
const DW_FORM_sec_offset = 0x17;
const DW_FORM_exprloc = 0x18;
const DW_FORM_flag_present = 0x19;
const DW_FORM_strx = 0x1a;
const DW_FORM_addrx = 0x1b;
const DW_FORM_ref_sup4 = 0x1c;
const DW_FORM_strp_sup = 0x1d;
const DW_FORM_data16 = 0x1e;
const DW_FORM_line_strp = 0x1f;
const DW_FORM_ref_sig8 = 0x20;
const DW_FORM_implicit_const = 0x21;
const DW_FORM_loclistx = 0x22;
const DW_FORM_rnglistx = 0x23;
const DW_FORM_ref_sup8 = 0x24;
const DW_FORM_strx1 = 0x25;
const DW_FORM_strx4 = 0x28;
const DW_FORM_addrx1 = 0x29;
const DW_FORM_addrx4 = 0x2c;

/** `SHF_COMPRESSED` of the gABI. */
const SHF_COMPRESSED = 0x800;

/** Longer names are none. */
const LONGEST_NAME = 4096;
/** Of one unit; proper ones have a few hundred. */
const MOST_ATTRIBUTES = 1 << 20;
/** Its header, without the length. */
const SMALLEST_UNIT = 7;
/** Entries may refer to the same things, so a small file could ask for any amount of work. */
const WORK_PER_BYTE = 32;
/** A file may have holes, and be larger than can be read at all. Some seconds' worth. */
const MOST_WORK = 2 ** 31;
/** What is counted for a unit, an abbreviation or an entry besides its bytes. */
const WORK_OF_ONE = 4;

/** A unit of .debug_info. Positions in it are counted from its beginning. */
export interface Unit {
  /** In .debug_info. */
  start: number;
  end: number;
  version: number;
  isUnderstood: boolean;
  /** Position of its table in .debug_abbrev. */
  abbreviations: number;
  firstEntry: number;
}

export interface Abbreviation {
  tag: number;
  hasChildren: boolean;
  /** Attribute, form, and the value of an implicit one, of all in turn. */
  attributes: number[];
  /** Of its entries without their code, in bytes, if they all have the same. */
  size: number | undefined;
  hasSibling: boolean;
}

/** An entry: what of it is looked at. References are positions in its unit. */
export interface Entry {
  tag: number;
  /** Where its name is, which is read when it is asked for. */
  name: { form: number; at: number } | undefined;
  low: bigint | undefined;
  high: bigint | undefined;
  byteSize: number | undefined;
  encoding: number | undefined;
  type: number | undefined;
  /** What it is another instance of, or completes. */
  origin: number | undefined;
  sibling: number | undefined;
}

/** The work that reading may take; more is refused. */
export class Budget {
  private left: number;

  constructor(bytes: number) {
    this.left = Math.min(WORK_PER_BYTE * bytes, MOST_WORK);
  }

  get isExhausted(): boolean {
    return this.left < 0;
  }

  /** @throws {ElfError} if nothing is left */
  spend(work: number): void {
    this.left -= work;
    if (this.left < 0) throw new ElfError('the DWARF asks for more work than its length justifies');
  }
}

/** The entries of a file's DWARF, one unit after the other. */
export class DwarfEntries {
  readonly budget: Budget;
  /** The unit that was entered. */
  unit: Unit = NO_UNIT;
  private readonly elf: ElfFile;
  private readonly infoOffset: number;
  private readonly headers: ByteReader;
  private readonly abbreviations: ByteReader;
  private readonly strings: ByteReader | undefined;
  private readonly lineStrings: ByteReader | undefined;
  private readonly stringOffsets: ByteReader | undefined;
  private readonly addresses: ByteReader | undefined;
  /** Of the unit: its entries are read back and forth, so all of it is in memory. */
  private info: ByteReader;
  private table = new Map<number, Abbreviation>();
  private tableOffset = -1;
  // Of version 5: where the unit's own begin in .debug_str_offsets and .debug_addr.
  private stringOffsetsBase = 0;
  private addressesBase = 0;

  private constructor(elf: ElfFile, info: ByteReader, infoOffset: number, abbreviations: ByteReader) {
    this.elf = elf;
    this.headers = info;
    this.info = info;
    this.infoOffset = infoOffset;
    this.abbreviations = abbreviations;
    this.strings = sectionReader(elf, '.debug_str');
    this.lineStrings = sectionReader(elf, '.debug_line_str');
    this.stringOffsets = sectionReader(elf, '.debug_str_offsets');
    this.addresses = sectionReader(elf, '.debug_addr');
    this.budget = new Budget(info.length + abbreviations.length);
  }

  /** Undefined if the file has none that are understood. */
  static of(elf: ElfFile): DwarfEntries | undefined {
    const info = sectionReader(elf, '.debug_info');
    const abbreviations = sectionReader(elf, '.debug_abbrev');
    if (!info || !abbreviations) return undefined;
    return new DwarfEntries(elf, info, elf.section('.debug_info')!.offset, abbreviations);
  }

  /** All units, as far as it is known where one begins. */
  *units(): Generator<Unit> {
    for (let start = 0; start < this.headers.length; ) {
      let unit: Unit;
      try {
        this.budget.spend(WORK_OF_ONE);
        unit = this.header(start);
      } catch (error) {
        if (error instanceof ElfError) return;
        throw error;
      }
      yield unit;
      start = unit.end;
    }
  }

  /** Goes to the first entry of a unit, which is returned. */
  enter(unit: Unit): Entry | undefined {
    const size = unit.end - unit.start;
    this.budget.spend(size);
    this.unit = unit;
    this.info = this.elf.reader('.debug_info', this.infoOffset + unit.start, size, true);
    this.readTable(unit.abbreviations);
    // Behind the header of their section, if the unit does not say it.
    this.stringOffsetsBase = 8;
    this.addressesBase = 8;
    // The second time, its own addresses are known.
    this.entryAt(unit.firstEntry);
    return this.entryAt(unit.firstEntry);
  }

  get at(): number {
    return this.info.at;
  }

  set at(position: number) {
    this.info.at = position;
  }

  get isAtEnd(): boolean {
    return this.info.at >= this.info.length;
  }

  /** Begins an entry; undefined where a list of children ends. */
  begin(): Abbreviation | undefined {
    this.budget.spend(WORK_OF_ONE);
    const code = this.info.uleb();
    if (code === 0) return undefined;
    const abbreviation = this.table.get(code);
    if (!abbreviation) throw new ElfError(`.debug_info: an entry has the abbreviation ${code}, which is unknown`);
    return abbreviation;
  }

  /** The rest of an entry that was begun. */
  entry({ tag, attributes }: Abbreviation): Entry {
    const { info } = this;
    const begin = info.at;
    const entry: Entry = {
      tag,
      name: undefined,
      low: undefined,
      high: undefined,
      byteSize: undefined,
      encoding: undefined,
      type: undefined,
      origin: undefined,
      sibling: undefined,
    };
    let length: number | undefined;
    for (let i = 0; i < attributes.length; i += 3) {
      const [attribute, form, implicit] = [attributes[i]!, attributes[i + 1]!, attributes[i + 2]!];
      switch (attribute) {
        case DW_AT_name:
          entry.name = { form, at: info.at };
          this.skipForm(form);
          break;
        case DW_AT_low_pc:
          entry.low = this.address(form);
          break;
        case DW_AT_high_pc:
          // An address, or how many bytes there are.
          if (isAddress(form)) entry.high = this.address(form);
          else length = this.constant(form, implicit);
          break;
        case DW_AT_byte_size:
          entry.byteSize = this.constant(form, implicit);
          break;
        case DW_AT_encoding:
          entry.encoding = this.constant(form, implicit);
          break;
        case DW_AT_type:
          entry.type = this.reference(form);
          break;
        case DW_AT_abstract_origin:
        case DW_AT_specification:
          entry.origin = this.reference(form);
          break;
        case DW_AT_sibling:
          entry.sibling = this.reference(form);
          break;
        case DW_AT_str_offsets_base:
          this.stringOffsetsBase = this.constant(form, implicit) ?? this.stringOffsetsBase;
          break;
        case DW_AT_addr_base:
          this.addressesBase = this.constant(form, implicit) ?? this.addressesBase;
          break;
        default:
          this.skipForm(form);
      }
    }
    if (length !== undefined && Number.isSafeInteger(length) && entry.low !== undefined) {
      entry.high = entry.low + BigInt(length);
    }
    this.budget.spend(info.at - begin + attributes.length);
    return entry;
  }

  /** Passes over the rest of an entry that was begun. */
  pass({ size, attributes }: Abbreviation): void {
    const { info } = this;
    if (size !== undefined) {
      info.skip(size);
      return;
    }
    const begin = info.at;
    for (let i = 0; i < attributes.length; i += 3) this.skipForm(attributes[i + 1]!);
    this.budget.spend(info.at - begin + attributes.length);
  }

  /** Undefined if there is none at this position of the unit. */
  entryAt(position: number): Entry | undefined {
    if (!(position >= this.unit.firstEntry && position < this.info.length)) return undefined;
    this.info.at = position;
    const abbreviation = this.begin();
    return abbreviation && this.entry(abbreviation);
  }

  nameOf({ name }: Entry): string | undefined {
    if (name === undefined) return undefined;
    const { info } = this;
    const { at } = info;
    info.at = name.at;
    const text = this.string(name.form);
    info.at = at;
    this.budget.spend(WORK_OF_ONE + (text?.length ?? 0));
    return text;
  }

  /** Section 7.5.1: a unit's header. */
  private header(start: number): Unit {
    const { headers } = this;
    headers.at = start;
    let length = headers.u32();
    // Of 64 bits.
    const isLong = length === 0xffffffff;
    if (isLong) length = headers.size();
    const end = headers.at + length;
    if ((!isLong && length >= 0xfffffff0) || end > headers.length) {
      throw new ElfError(`.debug_info: the unit at ${start} does not end`);
    }
    // A hole in the file would have any number of them.
    if (length < SMALLEST_UNIT) throw new ElfError(`.debug_info: the unit at ${start} has ${length} bytes`);
    const unit = { start, end, version: 0, isUnderstood: false, abbreviations: 0, firstEntry: 0 };
    if (isLong) return unit;
    unit.version = headers.u16();
    let kind = DW_UT_compile;
    let addressSize: number;
    if (unit.version >= 5) {
      kind = headers.u8();
      addressSize = headers.u8();
      unit.abbreviations = headers.u32();
    } else {
      unit.abbreviations = headers.u32();
      addressSize = headers.u8();
    }
    unit.firstEntry = headers.at - start;
    unit.isUnderstood =
      unit.version >= 2 && unit.version <= 5 && addressSize === 8 && (kind === DW_UT_compile || kind === DW_UT_partial);
    return unit;
  }

  /** Section 7.5.3: the abbreviations of a unit, by their codes. Units that follow may share them. */
  private readTable(offset: number): void {
    if (this.tableOffset === offset) return;
    const { abbreviations } = this;
    const table = new Map<number, Abbreviation>();
    this.tableOffset = -1;
    this.table = table;
    abbreviations.at = offset;
    let left = MOST_ATTRIBUTES;
    for (let code = abbreviations.uleb(); code !== 0; code = abbreviations.uleb()) {
      const begin = abbreviations.at;
      const tag = abbreviations.uleb();
      const hasChildren = abbreviations.u8() !== 0;
      const attributes: number[] = [];
      let size: number | undefined = 0;
      let hasSibling = false;
      for (;;) {
        if (--left < 0) throw new ElfError(`.debug_abbrev: the table at ${offset} has too many attributes`);
        const attribute = abbreviations.uleb();
        const form = abbreviations.uleb();
        if (attribute === 0 && form === 0) break;
        attributes.push(attribute, form, form === DW_FORM_implicit_const ? abbreviations.sleb() : 0);
        const formSize = SIZES[form];
        size = size === undefined || formSize === undefined ? undefined : size + formSize;
        if (attribute === DW_AT_sibling) hasSibling = true;
      }
      table.set(code, { tag, hasChildren, attributes, size, hasSibling });
      this.budget.spend(abbreviations.at - begin + WORK_OF_ONE);
    }
    this.tableOffset = offset;
  }

  private string(form: number): string | undefined {
    const { info } = this;
    switch (form) {
      case DW_FORM_string:
        return info.textToZero(LONGEST_NAME);
      case DW_FORM_strp:
        return textAt(this.strings, info.u32());
      case DW_FORM_line_strp:
        return textAt(this.lineStrings, info.u32());
    }
    const index = this.index(form, DW_FORM_strx, DW_FORM_strx1, DW_FORM_strx4);
    if (index === undefined || !this.stringOffsets) return undefined;
    this.stringOffsets.at = this.stringOffsetsBase + 4 * index;
    return textAt(this.strings, this.stringOffsets.u32());
  }

  private address(form: number): bigint | undefined {
    if (form === DW_FORM_addr) return this.info.u64();
    const index = this.index(form, DW_FORM_addrx, DW_FORM_addrx1, DW_FORM_addrx4);
    if (index === undefined) this.skipForm(form);
    if (index === undefined || !this.addresses) return undefined;
    this.addresses.at = this.addressesBase + 8 * index;
    return this.addresses.u64();
  }

  /** A number in a table, of one of the forms with a ULEB128, or with one to four bytes. */
  private index(form: number, whole: number, first: number, last: number): number | undefined {
    if (form === whole) return this.info.uleb();
    return form >= first && form <= last ? this.info.unsigned(form - first + 1) : undefined;
  }

  private reference(form: number): number | undefined {
    const { info } = this;
    switch (form) {
      case DW_FORM_ref1:
        return info.u8();
      case DW_FORM_ref2:
        return info.u16();
      case DW_FORM_ref4:
        return info.u32();
      case DW_FORM_ref8:
        return info.size();
      case DW_FORM_ref_udata:
        return info.uleb();
      case DW_FORM_ref_addr:
        return info.u32() - this.unit.start;
      default:
        this.skipForm(form);
        return undefined;
    }
  }

  private constant(form: number, implicit: number): number | undefined {
    const { info } = this;
    switch (form) {
      case DW_FORM_data1:
        return info.u8();
      case DW_FORM_data2:
        return info.u16();
      case DW_FORM_data4:
      case DW_FORM_sec_offset:
        return info.u32();
      case DW_FORM_data8:
        return info.size();
      case DW_FORM_udata:
        return info.uleb();
      case DW_FORM_sdata:
        return info.sleb();
      case DW_FORM_implicit_const:
        return implicit;
      default:
        this.skipForm(form);
        return undefined;
    }
  }

  private skipForm(form: number): void {
    const { info } = this;
    const size = SIZES[form];
    if (size !== undefined) {
      info.skip(size);
      return;
    }
    switch (form) {
      case DW_FORM_block1:
        info.skip(info.u8());
        return;
      case DW_FORM_block2:
        info.skip(info.u16());
        return;
      case DW_FORM_block4:
        info.skip(info.u32());
        return;
      case DW_FORM_block:
      case DW_FORM_exprloc:
        info.skip(info.uleb());
        return;
      case DW_FORM_string:
        info.skipText();
        return;
      case DW_FORM_sdata:
      case DW_FORM_udata:
      case DW_FORM_ref_udata:
      case DW_FORM_strx:
      case DW_FORM_addrx:
      case DW_FORM_loclistx:
      case DW_FORM_rnglistx:
        info.uleb();
        return;
      default:
        throw new ElfError(`.debug_info: the unit at ${this.unit.start} has a form ${form}, which is unknown`);
    }
  }
}

/** In bytes, of forms that always have the same. */
const SIZES: Record<number, number> = {
  [DW_FORM_addr]: 8,
  [DW_FORM_data1]: 1,
  [DW_FORM_data2]: 2,
  [DW_FORM_data4]: 4,
  [DW_FORM_data8]: 8,
  [DW_FORM_data16]: 16,
  [DW_FORM_flag]: 1,
  [DW_FORM_flag_present]: 0,
  [DW_FORM_implicit_const]: 0,
  [DW_FORM_strp]: 4,
  [DW_FORM_line_strp]: 4,
  [DW_FORM_strp_sup]: 4,
  [DW_FORM_sec_offset]: 4,
  [DW_FORM_ref_addr]: 4,
  [DW_FORM_ref1]: 1,
  [DW_FORM_ref2]: 2,
  [DW_FORM_ref4]: 4,
  [DW_FORM_ref8]: 8,
  [DW_FORM_ref_sup4]: 4,
  [DW_FORM_ref_sup8]: 8,
  [DW_FORM_ref_sig8]: 8,
  [DW_FORM_strx1]: 1,
  [DW_FORM_strx1 + 1]: 2,
  [DW_FORM_strx1 + 2]: 3,
  [DW_FORM_strx4]: 4,
  [DW_FORM_addrx1]: 1,
  [DW_FORM_addrx1 + 1]: 2,
  [DW_FORM_addrx1 + 2]: 3,
  [DW_FORM_addrx4]: 4,
};

const NO_UNIT: Unit = { start: 0, end: 0, version: 0, isUnderstood: false, abbreviations: 0, firstEntry: 0 };

function isAddress(form: number): boolean {
  return form === DW_FORM_addr || form === DW_FORM_addrx || (form >= DW_FORM_addrx1 && form <= DW_FORM_addrx4);
}

function textAt(strings: ByteReader | undefined, position: number): string | undefined {
  if (!strings) return undefined;
  strings.at = position;
  return strings.textToZero(LONGEST_NAME);
}

/** Undefined if the file has no such section, or a compressed one. */
export function sectionReader(elf: ElfFile, name: string): ByteReader | undefined {
  const section = elf.section(name);
  if (!section || section.type === SHT_NOBITS || section.flags & SHF_COMPRESSED) return undefined;
  return elf.reader(`section ${section.index} (${name})`, section.offset, section.size);
}
