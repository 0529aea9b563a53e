import {
  ELFCLASS32,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFDATA2MSB,
  HEADER_SIZE,
  PN_XNUM,
  PT_LOAD,
  SECTION_HEADER_SIZE,
  SEGMENT_HEADER_SIZE,
  SHN_XINDEX,
  SHT_DYNSYM,
  SHT_NOBITS,
  SHT_STRTAB,
  SHT_SYMTAB,
  SYMBOL_SIZE,
} from './constants.js';
import { ElfError } from './error.js';
import { ByteReader } from './reader.js';
import { type Source, sourceOf } from './source.js';

/**
 * A row of the section header table. Nothing in it is checked against the file before its contents
 * are asked for.
 */
export interface ElfSection {
  /** Its place in the table; 0 is the section that is none. */
  index: number;
  name: string;
  /** `sh_type`, as 3 for a string table. */
  type: number;
  /** `sh_flags`; the upper 32 bits are cut off. */
  flags: number;
  /** In memory, relative to the load base in a shared object; 0 if the section is not loaded. */
  address: bigint;
  /** In the file. Exact up to 2^53, and anything above is outside any file. */
  offset: number;
  /** In bytes; exact up to 2^53. */
  size: number;
  link: number;
  info: number;
}

/** A row of the program header table. */
export interface ElfSegment {
  /** `p_type`, as 1 for what is loaded. */
  type: number;
  /** Bits: 1 execute, 2 write, 4 read. */
  flags: number;
  /** In the file; exact up to 2^53. */
  offset: number;
  address: bigint;
  /** Bytes in the file; exact up to 2^53. */
  fileSize: number;
  /** Bytes in memory. */
  memorySize: bigint;
  alignment: bigint;
}

/** A symbol. */
export interface ElfSymbol {
  name: string;
  /** Relative to the load base in a shared object or position-independent program. */
  address: bigint;
  size: bigint;
  /** As 2 for a function. */
  type: number;
  /** 0 local, 1 global, 2 weak. */
  binding: number;
  /** Index of the section it is defined in; 0 if it is not. */
  section: number;
}

/** An ELF file: its bytes, or the descriptor of an open file, of which only what is needed is read. */
export type ElfInput = Uint8Array | number;

/** Longer names of sections are not names. */
const LONGEST_SECTION_NAME = 1024;
/**
 * Tables of headers, and sections of names and notes, are far from having as many bytes. A file may
 * be, with a hole in it.
 */
export const LARGEST_TABLE = 16 * 1024 * 1024;

/**
 * Reads the header and the tables of a 64-bit ELF file, of either byte order and for any machine.
 * Sections, symbols and notes are read when they are asked for. The result refers to the bytes it
 * was given, which are not copied, or to the descriptor, which has to stay open as long and whose
 * position neither counts nor changes. A file that needs more names than it has bytes for (many
 * rows that share one long name) is refused rather than read in more time than its length
 * justifies.
 *
 * @throws {ElfError} if the file is not ELF, a 32-bit ELF, or ends before what the header promises;
 * the system's error if a descriptor cannot be read
 */
export function readElf(file: ElfInput): ElfFile {
  return new ElfFile(file);
}

/** A 64-bit ELF file. */
export class ElfFile {
  /** Of the file, in bytes. */
  readonly size: number;
  readonly littleEndian: boolean;
  /**
   * `e_type`: 1 relocatable, 2 executable, 3 shared object or position-independent executable, 4
   * core.
   */
  readonly type: number;
  /** `e_machine`: 62 for x86-64, 183 for aarch64. */
  readonly machine: number;
  /** All rows of the table, with the empty first one; empty if there is no table. */
  readonly sections: readonly ElfSection[];
  readonly segments: readonly ElfSegment[];
  private readonly source: Source;
  private loaded: ElfSegment[] | undefined;

  constructor(file: ElfInput) {
    this.source = sourceOf(file);
    this.size = this.source.size;
    const bytes = this.source.read(0, Math.min(this.size, HEADER_SIZE));
    if (bytes.length < 16 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) {
      throw new ElfError('not an ELF file: it does not begin with 7f 45 4c 46 and an identification of 16 bytes');
    }
    if (bytes[4] === ELFCLASS32) throw new ElfError('a 32-bit ELF file: only 64-bit ones can be read');
    if (bytes[4] !== ELFCLASS64) throw new ElfError(`ELF class ${bytes[4]} is neither 1 (32-bit) nor 2 (64-bit)`);
    if (bytes[5] !== ELFDATA2LSB && bytes[5] !== ELFDATA2MSB) {
      throw new ElfError(`ELF byte order ${bytes[5]} is neither 1 (little-endian) nor 2 (big-endian)`);
    }
    if (bytes.length < HEADER_SIZE) {
      throw new ElfError(`the file ends after ${bytes.length} bytes, in the ELF header of ${HEADER_SIZE}`);
    }
    this.littleEndian = bytes[5] === ELFDATA2LSB;
    const header = this.reader('the ELF header', 0, HEADER_SIZE);
    header.skip(16);
    this.type = header.u16();
    this.machine = header.u16();
    header.skip(12);
    const segmentsOffset = header.size();
    const sectionsOffset = header.size();
    header.skip(6);
    const segments = { offset: segmentsOffset, entrySize: header.u16(), count: header.u16() };
    const sections = { offset: sectionsOffset, entrySize: header.u16(), count: header.u16() };
    this.sections = this.readSections(sections, header.u16());
    this.segments = this.readSegments(segments);
  }

  /** The first section of this name. */
  section(name: string): ElfSection | undefined {
    return this.sections.find((section) => section.name === name);
  }

  /**
   * The contents of a section, by itself or by name: a view of the file's bytes, not a copy, unless
   * it is read from a descriptor. Nothing for a section that takes no room in the file.
   *
   * @throws {ElfError} if there is no such section, or if it is not all inside the file, or has more
   * than 256 MiB in a descriptor's file.
   */
  data(section: ElfSection | string): Uint8Array {
    const found = typeof section === 'string' ? this.section(section) : section;
    if (found === undefined) throw new ElfError(`there is no section ${section}`);
    const { offset, size } = found;
    if (found.type === SHT_NOBITS) return this.source.read(0, 0);
    this.checkRange(nameOf(found), offset, size);
    return this.source.read(offset, size);
  }

  /**
   * The symbols of `.symtab`, or of `.dynsym`, what is left of them in a stripped file; whichever
   * exists, in that order, unless told. None if there is no table. Without the first entry, which
   * is always empty.
   *
   * @throws {ElfError} if the table or its names are not all inside the file.
   */
  symbols(table?: 'symtab' | 'dynsym'): ElfSymbol[] {
    const ofType = (type: number) => this.sections.find((section) => section.type === type);
    const full = table === 'dynsym' ? undefined : ofType(SHT_SYMTAB);
    const found = full ?? (table === 'symtab' ? undefined : ofType(SHT_DYNSYM));
    if (found === undefined) return [];
    const entries = this.reader(nameOf(found), found.offset, found.size);
    const names = this.sections[found.link];
    if (names === undefined || names.type !== SHT_STRTAB) {
      throw new ElfError(`${nameOf(found)}: its names' section, ${found.link}, is not a string table`);
    }
    const strings = this.strings(names, found.size);
    const symbols: ElfSymbol[] = [];
    for (let at = SYMBOL_SIZE; at + SYMBOL_SIZE <= found.size; at += SYMBOL_SIZE) {
      entries.at = at;
      const name = entries.u32();
      const kind = entries.u8();
      entries.skip(1);
      const section = entries.u16();
      symbols.push({
        name: strings(name),
        address: entries.u64(),
        size: entries.u64(),
        type: kind & 15,
        binding: kind >> 4,
        section,
      });
    }
    return symbols;
  }

  /**
   * Where in the file the byte lies that is at an address in memory; nothing if it is in no
   * segment, or not in the file.
   */
  fileOffset(address: bigint): number | undefined {
    this.loaded ??= this.segments
      .filter((segment) => segment.type === PT_LOAD)
      .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
    // The last segment that does not begin after the address: they do not overlap in a proper file.
    let low = 0;
    let high = this.loaded.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.loaded[middle]!.address <= address) low = middle + 1;
      else high = middle;
    }
    const segment = this.loaded[low - 1];
    if (segment === undefined) return undefined;
    const distance = address - segment.address;
    if (distance >= BigInt(segment.fileSize)) return undefined;
    const offset = segment.offset + Number(distance);
    return offset < this.size ? offset : undefined;
  }

  /** @internal @throws {ElfError} if it is not all inside the file */
  reader(what: string, offset: number, size: number, whole = false): ByteReader {
    this.checkRange(what, offset, size);
    return new ByteReader(this.source, { what, offset, size, littleEndian: this.littleEndian, whole });
  }

  private checkRange(what: string, offset: number, size: number): void {
    if (offset + size > this.size) {
      throw new ElfError(`${what}: ${size} bytes at ${offset} are not inside the file of ${this.size} bytes`);
    }
  }

  private readSections({ offset, entrySize, count }: Table, namesIndex: number): ElfSection[] {
    if (offset === 0) return [];
    if (entrySize < SECTION_HEADER_SIZE) {
      throw new ElfError(`section headers of ${entrySize} bytes: they have ${SECTION_HEADER_SIZE}`);
    }
    if (count === 0 || namesIndex === SHN_XINDEX) {
      // Too many to tell in 16 bits: section 0 tells.
      const first = this.reader('section header 0', offset, SECTION_HEADER_SIZE);
      first.at = 32;
      const size = first.size();
      const link = first.u32();
      if (count === 0) count = size;
      if (namesIndex === SHN_XINDEX) namesIndex = link;
      if (count === 0) return [];
    }
    const table = this.table(`table of ${count} section headers`, offset, count * entrySize);

    const sections: ElfSection[] = [];
    const nameOffsets: number[] = [];
    for (let index = 0; index < count; index++) {
      table.at = index * entrySize;
      nameOffsets.push(table.u32());
      sections.push({
        index,
        name: '',
        type: table.u32(),
        flags: table.size() >>> 0,
        address: table.u64(),
        offset: table.size(),
        size: table.size(),
        link: table.u32(),
        info: table.u32(),
      });
    }
    const names = sections[namesIndex];
    if (namesIndex === 0) return sections;
    if (names === undefined || names.type !== SHT_STRTAB) {
      throw new ElfError(`the section names' section, ${namesIndex}, is not a string table`);
    }
    const strings = this.strings(names, table.length, LONGEST_SECTION_NAME);
    for (const section of sections) section.name = strings(nameOffsets[section.index]!);
    return sections;
  }

  private readSegments({ offset, entrySize, count }: Table): ElfSegment[] {
    if (count === PN_XNUM && this.sections.length > 0) count = this.sections[0]!.info;
    if (offset === 0 || count === 0) return [];
    if (entrySize < SEGMENT_HEADER_SIZE) {
      throw new ElfError(`program headers of ${entrySize} bytes: they have ${SEGMENT_HEADER_SIZE}`);
    }
    const table = this.table(`table of ${count} program headers`, offset, count * entrySize);
    const segments: ElfSegment[] = [];
    for (let index = 0; index < count; index++) {
      table.at = index * entrySize;
      const type = table.u32();
      const flags = table.u32();
      const fileOffset = table.size();
      const address = table.u64();
      table.skip(8); // the physical address
      segments.push({
        type,
        flags,
        offset: fileOffset,
        address,
        fileSize: table.size(),
        memorySize: table.u64(),
        alignment: table.u64(),
      });
    }
    return segments;
  }

  private table(what: string, offset: number, size: number): ByteReader {
    const table = this.reader(what, offset, size);
    if (size > LARGEST_TABLE) throw new ElfError(`${what}: ${size} bytes, more than ${LARGEST_TABLE}`);
    return table;
  }

  /**
   * Reads the texts of a string table, for a table of so many bytes. Texts may share their ends, so
   * a small file could name a large one many times; together they may be a few times as long as
   * both tables, as in no proper file.
   */
  private strings(section: ElfSection, tableSize: number, longest?: number): (offset: number) => string {
    const where = `section ${section.index}, a string table`;
    // The names of symbols are in no order.
    const table = this.reader(where, section.offset, section.size, longest === undefined);
    let budget = 8 * (section.size + tableSize);
    return (offset) => {
      // Index 0 is no name, also in an empty table.
      if (offset === 0) return '';
      table.at = offset;
      const text = table.textToZero(longest);
      budget -= table.at - offset;
      if (budget < 0) throw new ElfError(`${where}: its texts are used too often to be names`);
      return text;
    };
  }
}

/** Where the file's header has a table. */
interface Table {
  offset: number;
  entrySize: number;
  count: number;
}

function nameOf({ index, name }: ElfSection): string {
  return `section ${index} (${name})`;
}
