import { ElfError } from './error.js';
import { ElfFile } from './read.js';

/*
 * What DWARF tells of functions: their parameters' names and types. Of versions 4 and 5, as gcc,
 * clang and this package write them, without those parts that few files have: what is not
 * understood (split and compressed sections, 64-bit units, units of types) is passed over.
 *
 * Section and figure numbers are those of the DWARF 5 specification.
 */

/** How the bits of a value are read; `text` is the address of characters. */
export type ValueKind = 'signed' | 'unsigned' | 'boolean' | 'float' | 'text' | 'pointer' | 'other';

/** A parameter of a function. */
export interface Parameter {
  /** Empty if it has none. */
  name: string;
  /** As C has it: `const char *`, `int32_t`, `struct stat *`. */
  type: string;
  kind: ValueKind;
  /** In bytes; 0 if that is not known. */
  size: number;
}

/** A function that has code. */
export interface Prototype {
  name: string;
  /** Of its first instruction, as {@link ElfSymbol} has it. */
  address: bigint;
  parameters: Parameter[];
}

// Section 7.5.1: kinds of units.
const DW_UT_compile = 1;
const DW_UT_partial = 3;

// Figure 18 of version 4, table 7.3 of version 5: tags.
const DW_TAG_array_type = 0x01;
const DW_TAG_class_type = 0x02;
const DW_TAG_enumeration_type = 0x04;
const DW_TAG_formal_parameter = 0x05;
const DW_TAG_pointer_type = 0x0f;
const DW_TAG_reference_type = 0x10;
const DW_TAG_structure_type = 0x13;
const DW_TAG_subroutine_type = 0x15;
const DW_TAG_typedef = 0x16;
const DW_TAG_union_type = 0x17;
const DW_TAG_base_type = 0x24;
const DW_TAG_const_type = 0x26;
const DW_TAG_subprogram = 0x2e;
const DW_TAG_volatile_type = 0x35;
const DW_TAG_restrict_type = 0x37;

// Table 7.5: attributes.
const DW_AT_name = 0x03;
const DW_AT_byte_size = 0x0b;
const DW_AT_low_pc = 0x11;
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

// Table 7.11: encodings of base types.
const DW_ATE_boolean = 0x02;
const DW_ATE_float = 0x04;
const DW_ATE_signed = 0x05;
const DW_ATE_signed_char = 0x06;
const DW_ATE_unsigned = 0x07;
const DW_ATE_unsigned_char = 0x08;
const DW_ATE_UTF = 0x10;

/** `SHF_COMPRESSED` of the gABI. */
const SHF_COMPRESSED = 0x800;

/** Types are made of types; a proper one of a few. */
const DEEPEST_TYPE = 32;
const LONGEST_NAME = 4096;
/** Attributes may take no bytes, so a small file could have any number of them. */
const ATTRIBUTES_PER_BYTE = 16;

/**
 * Reads what DWARF tells of the functions of a file, by their addresses. None if it has no DWARF,
 * or none that is understood.
 *
 * @param wanted only the functions at these addresses
 * @throws {ElfError} if the file is not a readable ELF file
 */
export function readPrototypes(
  file: ElfFile | Uint8Array,
  wanted?: ReadonlySet<bigint>,
): ReadonlyMap<bigint, Prototype> {
  const elf = file instanceof ElfFile ? file : new ElfFile(file);
  const info = sectionReader(elf, '.debug_info');
  const abbreviations = sectionReader(elf, '.debug_abbrev');
  const found = new Map<bigint, Prototype>();
  if (!info || !abbreviations || wanted?.size === 0) return found;
  const dwarf = new Dwarf(elf, info, abbreviations);
  const units = wanted && unitsOf(elf, wanted);
  for (let at = 0; at < info.length; ) {
    let unit: Unit;
    try {
      unit = dwarf.unit(at);
    } catch {
      // Where the next one begins is not known.
      break;
    }
    if (unit.isUnderstood && (!units || units.has(at))) {
      try {
        dwarf.functions(unit, wanted, found);
      } catch {
        // The next one may be understood.
      }
    }
    at = unit.end;
    if (dwarf.isExhausted) break;
  }
  return found;
}

interface Unit {
  start: number;
  end: number;
  version: number;
  addressSize: number;
  abbreviations: number;
  firstEntry: number;
  isUnderstood: boolean;
  /** Of version 5; in bytes, where its own begin in .debug_str_offsets and .debug_addr. */
  stringOffsets: number;
  addresses: number;
}

interface Abbreviation {
  tag: number;
  hasChildren: boolean;
  /** Attribute, form, and the value of an implicit one, of all in turn. */
  attributes: number[];
}

/** An entry: what of it is looked at. */
interface Entry {
  tag: number;
  hasChildren: boolean;
  name: string | undefined;
  lowAddress: bigint | undefined;
  byteSize: number | undefined;
  encoding: number | undefined;
  /** Position in .debug_info. */
  type: number | undefined;
  origin: number | undefined;
}

/** `int8_t` is no character, though C makes it of one: text is what is declared as `char`. */
type Type = Omit<Parameter, 'name'> & { tag: number; isCharacter?: boolean };

const VOID: Type = { type: 'void', kind: 'other', size: 0, tag: 0 };
const UNKNOWN: Type = { type: '?', kind: 'other', size: 0, tag: 0 };

class Dwarf {
  private readonly info: Reader;
  private readonly abbreviations: Reader;
  private readonly strings: Reader | undefined;
  private readonly lineStrings: Reader | undefined;
  private readonly stringOffsets: Reader | undefined;
  private readonly addresses: Reader | undefined;
  private readonly tables = new Map<number, Map<number, Abbreviation>>();
  private readonly types = new Map<number, Type>();
  private budget: number;

  constructor(elf: ElfFile, info: Reader, abbreviations: Reader) {
    this.info = info;
    this.abbreviations = abbreviations;
    this.strings = sectionReader(elf, '.debug_str');
    this.lineStrings = sectionReader(elf, '.debug_line_str');
    this.stringOffsets = sectionReader(elf, '.debug_str_offsets');
    this.addresses = sectionReader(elf, '.debug_addr');
    this.budget = ATTRIBUTES_PER_BYTE * (info.length + abbreviations.length);
  }

  get isExhausted(): boolean {
    return this.budget < 0;
  }

  /** Section 7.5.1: a unit's header. */
  unit(start: number): Unit {
    const { info } = this;
    info.at = start;
    const length = info.u32();
    const end = start + 4 + length;
    if (length >= 0xfffffff0 || end > info.length) throw new ElfError(`.debug_info: the unit at ${start} does not end`);
    const version = info.u16();
    let kind = DW_UT_compile;
    let addressSize: number;
    let abbreviations: number;
    if (version >= 5) {
      kind = info.u8();
      addressSize = info.u8();
      abbreviations = info.u32();
    } else {
      abbreviations = info.u32();
      addressSize = info.u8();
    }
    return {
      start,
      end,
      version,
      addressSize,
      abbreviations,
      firstEntry: info.at,
      isUnderstood:
        version >= 2 && version <= 5 && addressSize === 8 && (kind === DW_UT_compile || kind === DW_UT_partial),
      // Behind the header of its section, if the unit does not say it.
      stringOffsets: 8,
      addresses: 8,
    };
  }

  /** Adds the functions of a unit that have code and are wanted. */
  functions(unit: Unit, wanted: ReadonlySet<bigint> | undefined, found: Map<bigint, Prototype>): void {
    const { info } = this;
    info.at = unit.firstEntry;
    // Of the functions that the entry which is read lies in, the wanted ones.
    const around: (Prototype | undefined)[] = [];
    while (info.at < unit.end) {
      const entry = this.entry(unit);
      if (!entry) {
        around.pop();
        if (around.length === 0) return;
        continue;
      }
      let prototype: Prototype | undefined;
      if (
        entry.tag === DW_TAG_subprogram &&
        entry.lowAddress !== undefined &&
        (wanted?.has(entry.lowAddress) ?? true)
      ) {
        const next = info.at;
        prototype = { name: this.nameOf(unit, entry), address: entry.lowAddress, parameters: [] };
        info.at = next;
        found.set(entry.lowAddress, prototype);
      } else if (entry.tag === DW_TAG_formal_parameter && around.at(-1)) {
        const next = info.at;
        around.at(-1)!.parameters.push(this.parameter(unit, entry));
        info.at = next;
      }
      if (entry.hasChildren) around.push(prototype);
    }
  }

  private parameter(unit: Unit, entry: Entry): Parameter {
    const declared = this.originOf(unit, entry);
    const name = entry.name ?? declared?.name ?? '';
    const { type, kind, size } = this.type(unit, entry.type ?? declared?.type);
    return { name, type, kind, size };
  }

  private nameOf(unit: Unit, entry: Entry): string {
    return entry.name ?? this.originOf(unit, entry)?.name ?? '';
  }

  /** What an entry is another instance of, or completes. */
  private originOf(unit: Unit, { origin }: Entry): Entry | undefined {
    return origin === undefined || !isInside(unit, origin) ? undefined : this.entryAt(unit, origin);
  }

  private entryAt(unit: Unit, position: number): Entry | undefined {
    this.info.at = position;
    return this.entry(unit);
  }

  private type(unit: Unit, position: number | undefined, depth = 0): Type {
    if (position === undefined) return VOID;
    const known = this.types.get(position);
    if (known) return known;
    if (depth > DEEPEST_TYPE || !isInside(unit, position)) return UNKNOWN;
    const entry = this.entryAt(unit, position);
    const type = entry ? this.makeType(unit, entry, depth) : UNKNOWN;
    this.types.set(position, type);
    return type;
  }

  private makeType(unit: Unit, entry: Entry, depth: number): Type {
    const { tag, name, byteSize: size = 0 } = entry;
    const inner = () => this.type(unit, entry.type, depth + 1);
    switch (tag) {
      case DW_TAG_base_type:
        return { tag, type: name ?? '?', size, kind: baseKind(entry.encoding), isCharacter: name === 'char' };
      case DW_TAG_typedef:
        return { ...inner(), tag, type: name ?? '?' };
      case DW_TAG_const_type:
      case DW_TAG_volatile_type:
      case DW_TAG_restrict_type: {
        const type = inner();
        const word = tag === DW_TAG_const_type ? 'const' : tag === DW_TAG_volatile_type ? 'volatile' : 'restrict';
        // `char *const`, but `const char`.
        return { ...type, type: type.type.endsWith('*') ? `${type.type}${word}` : `${word} ${type.type}` };
      }
      case DW_TAG_pointer_type:
      case DW_TAG_reference_type: {
        const target = inner();
        const mark = tag === DW_TAG_pointer_type ? '*' : '&';
        const type = target.type.endsWith('()')
          ? target.type.replace(/\(\)$/, `(${mark})()`)
          : `${target.type}${target.type.endsWith('*') ? '' : ' '}${mark}`;
        return { tag, type, kind: target.isCharacter && mark === '*' ? 'text' : 'pointer', size: size || 8 };
      }
      case DW_TAG_enumeration_type: {
        const under = entry.type === undefined ? undefined : inner();
        return { tag, type: `enum ${name ?? '?'}`, kind: under?.kind ?? 'unsigned', size };
      }
      case DW_TAG_structure_type:
        return { tag, type: `struct ${name ?? '?'}`, kind: 'other', size };
      case DW_TAG_class_type:
        return { tag, type: name ?? '?', kind: 'other', size };
      case DW_TAG_union_type:
        return { tag, type: `union ${name ?? '?'}`, kind: 'other', size };
      case DW_TAG_array_type:
        return { tag, type: `${inner().type}[]`, kind: 'other', size };
      case DW_TAG_subroutine_type:
        return { tag, type: `${inner().type} ()`, kind: 'other', size };
      default:
        return { ...UNKNOWN, type: name ?? '?', size };
    }
  }

  /** Reads the entry at the reader's position; nothing where a list of children ends. */
  private entry(unit: Unit): Entry | undefined {
    const { info } = this;
    const position = info.at;
    const code = info.uleb();
    if (code === 0) return undefined;
    const abbreviation = this.table(unit.abbreviations).get(code);
    if (!abbreviation) throw new ElfError(`.debug_info: the entry at ${position} has an unknown abbreviation`);
    const { tag, hasChildren, attributes } = abbreviation;
    this.budget -= attributes.length;
    if (this.budget < 0) throw new ElfError('.debug_info: it has more attributes than bytes');
    const entry: Entry = {
      tag,
      hasChildren,
      name: undefined,
      lowAddress: undefined,
      byteSize: undefined,
      encoding: undefined,
      type: undefined,
      origin: undefined,
    };
    for (let i = 0; i < attributes.length; i += 3) {
      const [attribute, form, implicit] = [attributes[i]!, attributes[i + 1]!, attributes[i + 2]!];
      switch (attribute) {
        case DW_AT_name:
          entry.name = this.string(unit, form);
          break;
        case DW_AT_low_pc:
          entry.lowAddress = this.address(unit, form);
          break;
        case DW_AT_byte_size:
          entry.byteSize = this.constant(unit, form, implicit);
          break;
        case DW_AT_encoding:
          entry.encoding = this.constant(unit, form, implicit);
          break;
        case DW_AT_type:
          entry.type = this.reference(unit, form);
          break;
        case DW_AT_abstract_origin:
        case DW_AT_specification:
          entry.origin = this.reference(unit, form);
          break;
        case DW_AT_str_offsets_base:
          unit.stringOffsets = this.constant(unit, form, implicit) ?? unit.stringOffsets;
          break;
        case DW_AT_addr_base:
          unit.addresses = this.constant(unit, form, implicit) ?? unit.addresses;
          break;
        default:
          this.skip(unit, form);
      }
    }
    return entry;
  }

  /** Section 7.5.3: the abbreviations of a unit, by their codes. */
  private table(offset: number): Map<number, Abbreviation> {
    const known = this.tables.get(offset);
    if (known) return known;
    const { abbreviations } = this;
    const table = new Map<number, Abbreviation>();
    this.tables.set(offset, table);
    abbreviations.at = offset;
    for (;;) {
      const code = abbreviations.uleb();
      if (code === 0) return table;
      const abbreviation: Abbreviation = {
        tag: abbreviations.uleb(),
        hasChildren: abbreviations.u8() !== 0,
        attributes: [],
      };
      table.set(code, abbreviation);
      for (;;) {
        if (--this.budget < 0) throw new ElfError('.debug_abbrev: its tables overlap');
        const attribute = abbreviations.uleb();
        const form = abbreviations.uleb();
        if (attribute === 0 && form === 0) break;
        abbreviation.attributes.push(attribute, form, form === DW_FORM_implicit_const ? abbreviations.sleb() : 0);
      }
    }
  }

  private string(unit: Unit, form: number): string | undefined {
    const { info } = this;
    switch (form) {
      case DW_FORM_string:
        return info.text();
      case DW_FORM_strp:
        return this.textAt(this.strings, info.u32());
      case DW_FORM_line_strp:
        return this.textAt(this.lineStrings, info.u32());
    }
    const index = this.index(form, DW_FORM_strx, DW_FORM_strx1, DW_FORM_strx4);
    if (index !== undefined) {
      if (!this.stringOffsets) return undefined;
      this.stringOffsets.at = unit.stringOffsets + 4 * index;
      return this.textAt(this.strings, this.stringOffsets.u32());
    }
    this.skip(unit, form);
    return undefined;
  }

  /** Many entries may have one long name. */
  private textAt(strings: Reader | undefined, position: number): string | undefined {
    const text = strings?.textAt(position);
    this.budget -= text?.length ?? 0;
    return text;
  }

  private address(unit: Unit, form: number): bigint | undefined {
    if (form === DW_FORM_addr) return this.info.u64();
    const index = this.index(form, DW_FORM_addrx, DW_FORM_addrx1, DW_FORM_addrx4);
    if (index !== undefined) {
      if (!this.addresses) return undefined;
      this.addresses.at = unit.addresses + 8 * index;
      return this.addresses.u64();
    }
    this.skip(unit, form);
    return undefined;
  }

  /** A number in a table, of one of the forms with a ULEB128, or with one to four bytes. */
  private index(form: number, whole: number, first: number, last: number): number | undefined {
    if (form === whole) return this.info.uleb();
    return form >= first && form <= last ? this.info.bytes(form - first + 1) : undefined;
  }

  private reference(unit: Unit, form: number): number | undefined {
    const { info } = this;
    switch (form) {
      case DW_FORM_ref1:
        return unit.start + info.u8();
      case DW_FORM_ref2:
        return unit.start + info.u16();
      case DW_FORM_ref4:
        return unit.start + info.u32();
      case DW_FORM_ref8:
        return unit.start + Number(info.u64());
      case DW_FORM_ref_udata:
        return unit.start + info.uleb();
      case DW_FORM_ref_addr:
        return info.u32();
      default:
        this.skip(unit, form);
        return undefined;
    }
  }

  private constant(unit: Unit, form: number, implicit: number): number | undefined {
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
        return Number(info.u64());
      case DW_FORM_udata:
        return info.uleb();
      case DW_FORM_sdata:
        return info.sleb();
      case DW_FORM_implicit_const:
        return implicit;
      default:
        this.skip(unit, form);
        return undefined;
    }
  }

  private skip(unit: Unit, form: number): void {
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
        throw new ElfError(`.debug_info: the unit at ${unit.start} has a form ${form}, which is unknown`);
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

function baseKind(encoding: number | undefined): ValueKind {
  switch (encoding) {
    case DW_ATE_boolean:
      return 'boolean';
    case DW_ATE_float:
      return 'float';
    case DW_ATE_signed:
    case DW_ATE_signed_char:
      return 'signed';
    case DW_ATE_unsigned:
    case DW_ATE_unsigned_char:
    case DW_ATE_UTF:
      return 'unsigned';
    default:
      return 'other';
  }
}

function isInside({ firstEntry, end }: Unit, position: number): boolean {
  return position >= firstEntry && position < end;
}

/**
 * Section 6.1.2: the units to which these addresses belong, if `.debug_aranges` tells it of every
 * one of them.
 */
function unitsOf(elf: ElfFile, addresses: ReadonlySet<bigint>): Set<number> | undefined {
  const ranges = sectionReader(elf, '.debug_aranges');
  if (!ranges) return undefined;
  const units = new Set<number>();
  const left = new Set(addresses);
  try {
    for (let start = 0; start < ranges.length; ) {
      ranges.at = start;
      const length = ranges.u32();
      const end = start + 4 + length;
      ranges.skip(2);
      const unit = ranges.u32();
      if (ranges.u8() !== 8) return undefined;
      // Pairs are aligned to their size.
      ranges.at = start + 16 * Math.ceil((ranges.at + 1 - start) / 16);
      while (ranges.at + 16 <= end) {
        const address = ranges.u64();
        const size = ranges.u64();
        for (const each of left) {
          if (each < address || each >= address + size) continue;
          left.delete(each);
          units.add(unit);
        }
      }
      start = end;
    }
  } catch {
    return undefined;
  }
  return left.size === 0 ? units : undefined;
}

function sectionReader(elf: ElfFile, name: string): Reader | undefined {
  const section = elf.section(name);
  if (!section || section.flags & SHF_COMPRESSED) return undefined;
  elf.checkRange(`section ${section.index} (${name})`, section.offset, section.size);
  return new Reader(elf, section.offset, elf.data(section).length, name);
}

/** Reads a section from a position on. */
class Reader {
  /** In the section. */
  at = 0;
  readonly length: number;
  private readonly elf: ElfFile;
  private readonly start: number;
  private readonly name: string;

  constructor(elf: ElfFile, start: number, length: number, name: string) {
    this.elf = elf;
    this.start = start;
    this.length = length;
    this.name = name;
  }

  skip(size: number): void {
    this.at += size;
  }

  u8(): number {
    return this.elf.bytes[this.take(1)]!;
  }

  u16(): number {
    return this.elf.u16(this.take(2));
  }

  u32(): number {
    return this.elf.u32(this.take(4));
  }

  u64(): bigint {
    return this.elf.u64(this.take(8));
  }

  /** A number of one to four bytes. */
  bytes(size: number): number {
    const position = this.take(size);
    let value = 0;
    for (let i = 0; i < size; i++) {
      const byte = this.elf.bytes[position + (this.elf.littleEndian ? size - 1 - i : i)]!;
      value = value * 256 + byte;
    }
    return value;
  }

  /** Section 7.6. What is above 2^53 is not exact, and outside of any file. */
  uleb(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  sleb(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return byte & 0x40 ? value - 2 ** (shift + 7) : value;
    }
  }

  text(): string {
    const begin = this.take(1);
    const end = this.elf.endOfText(begin, Math.min(this.start + this.length, begin + LONGEST_NAME));
    if (end === undefined) throw new ElfError(`${this.name}: the text at ${begin - this.start} does not end`);
    this.at = end - this.start + 1;
    return this.elf.decode(begin, end);
  }

  skipText(): void {
    const begin = this.take(1);
    const end = this.elf.endOfText(begin, this.start + this.length);
    if (end === undefined) throw new ElfError(`${this.name}: the text at ${begin - this.start} does not end`);
    this.at = end - this.start + 1;
  }

  textAt(position: number): string {
    this.at = position;
    return this.text();
  }

  private take(size: number): number {
    if (this.at < 0 || this.at + size > this.length) {
      throw new ElfError(`${this.name}: it ends at ${this.length}, and something at ${this.at} is longer`);
    }
    const position = this.start + this.at;
    this.at += size;
    return position;
  }
}
