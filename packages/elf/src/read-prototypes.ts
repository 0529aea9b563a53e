import { Budget, DwarfEntries, type Entry, sectionReader, type Unit } from './dwarf-entries.js';
import { ElfError } from './error.js';
import { ElfFile, type ElfInput } from './read.js';

/*
 * What DWARF tells of functions: their parameters' names and types.
 *
 * Section and table numbers are those of the DWARF 5 specification.
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

// Table 7.3: tags.
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
const DW_TAG_rvalue_reference_type = 0x42;
const DW_TAG_atomic_type = 0x47;

// Table 7.11: encodings of base types.
const DW_ATE_boolean = 0x02;
const DW_ATE_float = 0x04;
const DW_ATE_signed = 0x05;
const DW_ATE_signed_char = 0x06;
const DW_ATE_unsigned = 0x07;
const DW_ATE_unsigned_char = 0x08;
const DW_ATE_UTF = 0x10;

/** Types are made of types; a proper one of a few. */
const DEEPEST_TYPE = 32;
const LONGEST_TYPE = 4096;
/** Far more than any function has. */
const MOST_PARAMETERS = 255;
/** What is counted for what is kept: an entry may have a single byte. */
const WORK_OF_RESULT = 128;

/**
 * Reads what DWARF tells of the functions of a file, by their addresses. None if it has no DWARF,
 * or none that is understood.
 *
 * @param wanted only the functions at these addresses, which is much quicker
 * @throws {ElfError} if the file is not a readable ELF file; the system's error if a descriptor
 * cannot be read
 */
export function readPrototypes(file: ElfFile | ElfInput, wanted?: ReadonlySet<bigint>): ReadonlyMap<bigint, Prototype> {
  const elf = file instanceof ElfFile ? file : new ElfFile(file);
  const found = new Map<bigint, Prototype>();
  const entries = wanted?.size === 0 ? undefined : DwarfEntries.of(elf);
  if (!entries) return found;
  const addresses = wanted && new Addresses(wanted);
  const units = addresses && unitsOf(elf, addresses);
  for (const unit of entries.units()) {
    if (!unit.isUnderstood || (units && !units.has(unit.start))) continue;
    try {
      new UnitReader(entries).read(unit, addresses, found);
    } catch (error) {
      // The next one may be understood.
      if (!(error instanceof ElfError)) throw error;
    }
    if (entries.budget.isExhausted || found.size === wanted?.size) break;
  }
  return found;
}

/** `int8_t` is no character, though C makes it of one: text is what is declared as `char`. */
interface Type {
  /** C writes a name between both: `void (*` and `)()`. */
  before: string;
  after: string;
  kind: ValueKind;
  size: number;
  isCharacter?: boolean;
  /** An array or a function, of which C writes `*` in parentheses. */
  isPostfix?: boolean;
  isPointer?: boolean;
}

const VOID = plain('void', 'other', 0);
const UNKNOWN = plain('?', 'other', 0);

class UnitReader {
  private readonly entries: DwarfEntries;
  private readonly types = new Map<number, Type>();

  constructor(entries: DwarfEntries) {
    this.entries = entries;
  }

  /** Adds the functions of a unit that have code and are wanted. */
  read(unit: Unit, wanted: Addresses | undefined, found: Map<bigint, Prototype>): void {
    const { entries } = this;
    const root = entries.enter(unit);
    if (!root || (wanted && root.low && root.high && !wanted.hasBetween(root.low, root.high))) return;
    entries.at = unit.firstEntry;
    // Of the functions that the entry which is read lies in, the wanted ones.
    const around: (Prototype | undefined)[] = [];
    while (!entries.isAtEnd) {
      const abbreviation = entries.begin();
      if (!abbreviation) {
        around.pop();
        if (around.length === 0) return;
        continue;
      }
      const { tag, hasChildren } = abbreviation;
      let prototype: Prototype | undefined;
      if (tag === DW_TAG_subprogram) {
        const entry = entries.entry(abbreviation);
        // Linkers leave 0 where a function was dropped.
        if (entry.low && (wanted?.has(entry.low) ?? true)) prototype = this.prototype(entry, entry.low, found);
      } else if (tag === DW_TAG_formal_parameter && around.at(-1)) {
        this.parameter(entries.entry(abbreviation), around.at(-1)!.parameters);
      } else if (hasChildren && abbreviation.hasSibling && TYPES_WITH_CHILDREN.has(tag)) {
        // There is no code in it.
        const { sibling } = entries.entry(abbreviation);
        if (sibling !== undefined && sibling > entries.at) {
          entries.at = sibling;
          continue;
        }
      } else {
        entries.pass(abbreviation);
      }
      if (hasChildren) around.push(prototype);
    }
  }

  private prototype(entry: Entry, address: bigint, found: Map<bigint, Prototype>): Prototype {
    const { entries } = this;
    const next = entries.at;
    entries.budget.spend(WORK_OF_RESULT);
    const prototype = { name: this.nameOf(entry) ?? '', address, parameters: [] };
    found.set(address, prototype);
    entries.at = next;
    return prototype;
  }

  private parameter(entry: Entry, parameters: Parameter[]): void {
    const { entries } = this;
    if (parameters.length === MOST_PARAMETERS) return;
    const next = entries.at;
    entries.budget.spend(WORK_OF_RESULT);
    const name = this.nameOf(entry) ?? '';
    const position = entry.type ?? this.originOf(entry)?.type;
    const { before, after, kind, size } = position === undefined ? UNKNOWN : this.type(position);
    parameters.push({ name, type: before + after, kind, size });
    entries.at = next;
  }

  private nameOf(entry: Entry): string | undefined {
    // An instance of a member function is one of what completes its declaration.
    for (let each: Entry | undefined = entry, depth = 0; each && depth < 3; each = this.originOf(each), depth++) {
      if (each.name) return this.entries.nameOf(each);
    }
    return undefined;
  }

  private originOf({ origin }: Entry): Entry | undefined {
    return origin === undefined ? undefined : this.entries.entryAt(origin);
  }

  private type(position: number | undefined, depth = 0): Type {
    if (position === undefined) return VOID;
    const known = this.types.get(position);
    if (known) return known;
    const entry = depth > DEEPEST_TYPE ? undefined : this.entries.entryAt(position);
    let type = entry ? this.makeType(entry, depth) : UNKNOWN;
    const length = type.before.length + type.after.length;
    if (length > LONGEST_TYPE) type = { ...UNKNOWN, size: type.size };
    this.entries.budget.spend(WORK_OF_RESULT + length);
    this.types.set(position, type);
    return type;
  }

  private makeType(entry: Entry, depth: number): Type {
    const { tag, byteSize: size = 0 } = entry;
    const name = this.entries.nameOf(entry) ?? '?';
    const inner = () => this.type(entry.type, depth + 1);
    switch (tag) {
      case DW_TAG_base_type:
        return { ...plain(name, baseKind(entry.encoding), size), isCharacter: name === 'char' };
      case DW_TAG_typedef: {
        const { kind, size: innerSize, isCharacter } = inner();
        return { ...plain(name, kind, innerSize), ...(isCharacter && { isCharacter }) };
      }
      case DW_TAG_const_type:
        return qualified('const', inner());
      case DW_TAG_volatile_type:
        return qualified('volatile', inner());
      case DW_TAG_restrict_type:
        return qualified('restrict', inner());
      case DW_TAG_atomic_type:
        return qualified('_Atomic', inner());
      case DW_TAG_pointer_type: {
        const target = inner();
        return pointer('*', target, target.isCharacter ? 'text' : 'pointer', size);
      }
      case DW_TAG_reference_type:
        return pointer('&', inner(), 'pointer', size);
      case DW_TAG_rvalue_reference_type:
        return pointer('&&', inner(), 'pointer', size);
      case DW_TAG_enumeration_type:
        return plain(`enum ${name}`, entry.type === undefined ? 'unsigned' : inner().kind, size);
      case DW_TAG_structure_type:
        return plain(`struct ${name}`, 'other', size);
      case DW_TAG_class_type:
        return plain(name, 'other', size);
      case DW_TAG_union_type:
        return plain(`union ${name}`, 'other', size);
      case DW_TAG_array_type: {
        const { before, after } = inner();
        return { ...plain(before, 'other', size), after: `[]${after}`, isPostfix: true };
      }
      case DW_TAG_subroutine_type: {
        const { before, after } = inner();
        return {
          ...plain(`${before}${before.endsWith('*') ? '' : ' '}`, 'other', size),
          after: `()${after}`,
          isPostfix: true,
        };
      }
      default:
        return plain(name, 'other', size);
    }
  }
}

/** Types whose entries have others in them, but no functions with code. */
const TYPES_WITH_CHILDREN = new Set([
  DW_TAG_array_type,
  DW_TAG_class_type,
  DW_TAG_enumeration_type,
  DW_TAG_structure_type,
  DW_TAG_subroutine_type,
  DW_TAG_union_type,
]);

function plain(name: string, kind: ValueKind, size: number): Type {
  return { before: name, after: '', kind, size };
}

/** `const char`, but `char *const`. */
function qualified(word: string, type: Type): Type {
  const { before } = type;
  if (!type.isPointer) return { ...type, before: `${word} ${before}` };
  return { ...type, before: `${before}${before.endsWith('*') ? '' : ' '}${word}` };
}

function pointer(mark: string, { before, after, isPostfix, isPointer }: Type, kind: ValueKind, size: number): Type {
  const type = { kind, size: size || 8, isPointer: true };
  if (isPostfix) return { ...type, before: `${before}${/[ *]$/.test(before) ? '' : ' '}(${mark}`, after: `)${after}` };
  return { ...type, before: `${before}${isPointer && before.endsWith('*') ? '' : ' '}${mark}`, after };
}

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

/** Addresses that are asked for. */
class Addresses {
  readonly size: number;
  private readonly set: ReadonlySet<bigint>;
  private readonly sorted: bigint[];

  constructor(set: ReadonlySet<bigint>) {
    this.set = set;
    this.size = set.size;
    this.sorted = [...set].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  }

  has(address: bigint): boolean {
    return this.set.has(address);
  }

  hasBetween(low: bigint, high: bigint): boolean {
    const first = this.sorted[this.indexOf(low)];
    return first !== undefined && first < high;
  }

  /** Those from one address on, before another. */
  between(low: bigint, high: bigint): bigint[] {
    return this.sorted.slice(this.indexOf(low), this.indexOf(high));
  }

  /** Of the first one that is not below. */
  private indexOf(address: bigint): number {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.sorted[middle]! < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * Section 6.1.2: the units to which these addresses belong, if `.debug_aranges` tells it of every
 * one of them.
 */
function unitsOf(elf: ElfFile, addresses: Addresses): Set<number> | undefined {
  const ranges = sectionReader(elf, '.debug_aranges');
  if (!ranges) return undefined;
  const units = new Set<number>();
  const told = new Set<bigint>();
  const budget = new Budget(ranges.length);
  try {
    for (let start = 0; start < ranges.length; ) {
      ranges.at = start;
      const end = start + 4 + ranges.u32();
      ranges.skip(2);
      const unit = ranges.u32();
      if (ranges.u8() !== 8) return undefined;
      // Pairs are aligned to their size.
      ranges.at = start + 16 * Math.ceil((ranges.at + 1 - start) / 16);
      while (ranges.at + 16 <= end) {
        const low = ranges.u64();
        const high = low + ranges.u64();
        budget.spend(16);
        if (!addresses.hasBetween(low, high)) continue;
        const inside = addresses.between(low, high);
        budget.spend(inside.length);
        for (const each of inside) told.add(each);
        units.add(unit);
      }
      start = end;
    }
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
  return told.size === addresses.size ? units : undefined;
}
