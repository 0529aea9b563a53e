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

/** Longer names of sections are not names. */
const LONGEST_SECTION_NAME = 1024;

/**
 * Reads the header and the tables of a 64-bit ELF file, of either byte order and for any machine.
 * Contents are not copied: the result refers to `bytes`, and sections, symbols and notes are read
 * when they are asked for. A file that needs more names than it has bytes for (many rows that share
 * one long name) is refused rather than read in more time than its length justifies.
 *
 * @throws {ElfError} if the bytes are not ELF, a 32-bit ELF, or end before what the header
 * promises.
 */
export function readElf(bytes: Uint8Array): ElfFile {
  return new ElfFile(bytes);
}

/** A 64-bit ELF file. */
export class ElfFile {
  readonly bytes: Uint8Array;
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
  private readonly view: DataView;
  private readonly text: Buffer;
  private loaded: ElfSegment[] | undefined;

  constructor(bytes: Uint8Array) {
    if (!(bytes instanceof Uint8Array)) throw new ElfError(`${typeof bytes} is not a Uint8Array`);
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
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.littleEndian = bytes[5] === ELFDATA2LSB;
    this.type = this.u16(16);
    this.machine = this.u16(18);
    this.sections = this.readSections();
    this.segments = this.readSegments();
  }

  /** The first section of this name. */
  section(name: string): ElfSection | undefined {
    return this.sections.find((section) => section.name === name);
  }

  /**
   * The contents of a section, by itself or by name; a view of the file's bytes, not a copy.
   * Nothing for a section that takes no room in the file.
   *
   * @throws {ElfError} if there is no such section, or if it is not all inside the file.
   */
  data(section: ElfSection | string): Uint8Array {
    const found = typeof section === 'string' ? this.section(section) : section;
    if (found === undefined) throw new ElfError(`there is no section ${section}`);
    const { offset, size } = found;
    if (found.type === SHT_NOBITS) return this.bytes.subarray(0, 0);
    this.checkRange(`section ${found.index} (${found.name})`, offset, size);
    return this.bytes.subarray(offset, offset + size);
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
    this.checkRange(`section ${found.index} (${found.name})`, found.offset, found.size);
    const names = this.sections[found.link];
    if (names === undefined || names.type !== SHT_STRTAB) {
      throw new ElfError(
        `section ${found.index} (${found.name}): its names' section, ${found.link}, is not a string table`,
      );
    }
    const strings = this.strings(names);
    const symbols: ElfSymbol[] = [];
    const end = found.offset + found.size;
    for (let at = found.offset + SYMBOL_SIZE; at + SYMBOL_SIZE <= end; at += SYMBOL_SIZE) {
      const kind = this.bytes[at + 4]!;
      symbols.push({
        name: strings(this.u32(at)),
        address: this.u64(at + 8),
        size: this.u64(at + 16),
        type: kind & 15,
        binding: kind >> 4,
        section: this.u16(at + 6),
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
    return offset < this.bytes.length ? offset : undefined;
  }

  /** @internal A number at a position that was checked. */
  u16(position: number): number {
    return this.view.getUint16(position, this.littleEndian);
  }

  /** @internal */
  u32(position: number): number {
    return this.view.getUint32(position, this.littleEndian);
  }

  /** @internal */
  u64(position: number): bigint {
    return this.view.getBigUint64(position, this.littleEndian);
  }

  /** @internal An offset or size: exact in every file there can be. */
  size(position: number): number {
    const first = this.u32(position);
    const second = this.u32(position + 4);
    return this.littleEndian ? second * 0x100000000 + first : first * 0x100000000 + second;
  }

  /** @internal UTF-8 text between two positions that were checked. */
  decode(start: number, end: number): string {
    return this.text.toString('utf8', start, end);
  }

  /** @internal Where the text at `start` ends: at its zero, or nowhere before `end`. */
  endOfText(start: number, end: number): number | undefined {
    // `indexOf` looks through the whole rest of the file; a short text, as most are, is found
    // sooner.
    const near = Math.min(start + 64, end);
    for (let i = start; i < near; i++) if (this.bytes[i] === 0) return i;
    if (near === end) return undefined;
    const found = this.bytes.subarray(near, end).indexOf(0);
    return found === -1 ? undefined : near + found;
  }

  /** @internal @throws {ElfError} if a part is not all inside the file. */
  checkRange(what: string, offset: number, size: number): void {
    if (offset + size > this.bytes.length) {
      throw new ElfError(`${what}: ${size} bytes at ${offset} are not inside the file of ${this.bytes.length} bytes`);
    }
  }

  private readSections(): ElfSection[] {
    const offset = this.size(40);
    const entrySize = this.u16(58);
    let count = this.u16(60);
    let namesIndex = this.u16(62);
    if (offset === 0) return [];
    if (entrySize < SECTION_HEADER_SIZE) {
      throw new ElfError(`section headers of ${entrySize} bytes: they have ${SECTION_HEADER_SIZE}`);
    }
    if (count === 0 || namesIndex === SHN_XINDEX) {
      // Too many to tell in 16 bits: section 0 tells.
      this.checkRange('section header 0', offset, SECTION_HEADER_SIZE);
      if (count === 0) count = this.size(offset + 32);
      if (namesIndex === SHN_XINDEX) namesIndex = this.u32(offset + 40);
      if (count === 0) return [];
    }
    this.checkRange(`table of ${count} section headers`, offset, count * entrySize);

    const sections: ElfSection[] = [];
    for (let index = 0; index < count; index++) {
      const at = offset + index * entrySize;
      sections.push({
        index,
        name: '',
        type: this.u32(at + 4),
        flags: this.size(at + 8) >>> 0,
        address: this.u64(at + 16),
        offset: this.size(at + 24),
        size: this.size(at + 32),
        link: this.u32(at + 40),
        info: this.u32(at + 44),
      });
    }
    const names = sections[namesIndex];
    if (namesIndex === 0) return sections;
    if (names === undefined || names.type !== SHT_STRTAB) {
      throw new ElfError(`the section names' section, ${namesIndex}, is not a string table`);
    }
    const strings = this.strings(names, LONGEST_SECTION_NAME);
    for (let index = 0; index < count; index++) {
      sections[index]!.name = strings(this.u32(offset + index * entrySize));
    }
    return sections;
  }

  private readSegments(): ElfSegment[] {
    const offset = this.size(32);
    const entrySize = this.u16(54);
    let count = this.u16(56);
    if (count === PN_XNUM && this.sections.length > 0) count = this.sections[0]!.info;
    if (offset === 0 || count === 0) return [];
    if (entrySize < SEGMENT_HEADER_SIZE) {
      throw new ElfError(`program headers of ${entrySize} bytes: they have ${SEGMENT_HEADER_SIZE}`);
    }
    this.checkRange(`table of ${count} program headers`, offset, count * entrySize);
    const segments: ElfSegment[] = [];
    for (let index = 0; index < count; index++) {
      const at = offset + index * entrySize;
      segments.push({
        type: this.u32(at),
        flags: this.u32(at + 4),
        offset: this.size(at + 8),
        address: this.u64(at + 16),
        fileSize: this.size(at + 32),
        memorySize: this.u64(at + 40),
        alignment: this.u64(at + 48),
      });
    }
    return segments;
  }

  /**
   * Reads the texts of a string table. Texts may share their ends, so a small file could name a
   * large one many times; together they may be a few times as long as the file, as in no proper
   * one.
   */
  private strings(table: ElfSection, maxLength = Number.POSITIVE_INFINITY): (offset: number) => string {
    const where = `section ${table.index}, a string table`;
    this.checkRange(where, table.offset, table.size);
    let budget = 8 * this.bytes.length;
    return (offset) => {
      // Index 0 is no name, also in an empty table.
      if (offset === 0) return '';
      if (offset >= table.size) throw new ElfError(`${where}: there is nothing at ${offset} of ${table.size}`);
      const start = table.offset + offset;
      const tableEnd = table.offset + table.size;
      const end = this.endOfText(start, Math.min(tableEnd, start + maxLength + 1));
      if (end === undefined) throw new ElfError(`${where}: the text at ${offset} does not end`);
      budget -= end - start;
      if (budget < 0) throw new ElfError(`${where}: its texts are used too often to be names`);
      return this.decode(start, end);
    };
  }
}
