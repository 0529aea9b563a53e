import { NT_GNU_BUILD_ID, NT_STAPSDT, PT_NOTE, SHT_NOTE } from './constants.js';
import { ElfError } from './error.js';
import { ElfFile, type ElfInput, LARGEST_TABLE } from './read.js';
import type { ByteReader } from './reader.js';

/**
 * A USDT probe, as the file's notes describe it (SDT version 3). A probe that is inlined or used in
 * several places has a note for each of them.
 */
export interface SdtNote {
  provider: string;
  name: string;
  /** Where the arguments are, as it stands in the note; `parseOperands` takes it apart. */
  arguments: string;
  /** Address of the probe's instruction when the file was linked. */
  location: bigint;
  /** Address of `.stapsdt.base` when the file was linked. */
  base: bigint;
  /**
   * Address, when the file was linked, of the 16-bit counter by which tools switch the probe on; 0
   * if it has none.
   */
  semaphore: bigint;
  /**
   * Address of the probe's instruction as the file is now: prelinking moves sections and leaves
   * notes as they are.
   */
  address: bigint;
  /**
   * Where the instruction is in the file; what a uprobe is set by. Nothing if it is in no segment.
   */
  fileOffset: number | undefined;
}

/**
 * Reads all SDT notes of a file, in its order. None if it has none.
 *
 * @throws {ElfError} if the file is not a readable ELF file or its notes are not what they claim to
 * be; the system's error if a descriptor cannot be read
 */
export function readNotes(file: ElfFile | ElfInput): SdtNote[] {
  const elf = file instanceof ElfFile ? file : new ElfFile(file);
  const base = elf.section('.stapsdt.base')?.address;
  const notes: SdtNote[] = [];
  let budget = Math.min(elf.size, LARGEST_TABLE);
  for (const { type: sectionType, name, offset, size } of elf.sections) {
    if (sectionType !== SHT_NOTE || name !== '.note.stapsdt') continue;
    const reader = elf.reader(name, offset, size);
    budget -= size;
    if (budget < 0)
      throw new ElfError(`sections named .note.stapsdt overlap, or have more than ${LARGEST_TABLE} bytes`);
    forEachNote(reader, 4, (owner, type, end) => {
      if (owner === 'stapsdt' && type === NT_STAPSDT) notes.push(readNote(elf, reader, end, base));
    });
  }
  return notes;
}

/**
 * The build-id of a file, in hex digits: what perf and debuggers know it by. Nothing if it has
 * none.
 *
 * @throws {ElfError} if the file is not a readable ELF file, or its notes are not what they claim
 * to be; the system's error if a descriptor cannot be read
 */
export function readBuildId(file: ElfFile | ElfInput): string | undefined {
  const elf = file instanceof ElfFile ? file : new ElfFile(file);
  let buildId: string | undefined;
  let budget = Math.min(2 * elf.size, LARGEST_TABLE);
  const look = (what: string, offset: number, size: number, alignment: number): void => {
    const reader = elf.reader(what, offset, size);
    budget -= size;
    if (budget < 0) throw new ElfError(`${what}: notes overlap, or have more than ${LARGEST_TABLE} bytes`);
    forEachNote(reader, alignment, (owner, type, end) => {
      if (buildId !== undefined || owner !== 'GNU' || type !== NT_GNU_BUILD_ID) return;
      const size = end - reader.at;
      if (size > LONGEST_BUILD_ID) throw new ElfError(`${what}: a build-id of ${size} bytes`);
      buildId = reader.bytes(size).toString('hex');
    });
  };
  // Segments first: they are all that a stripped file must have.
  for (const segment of elf.segments) {
    if (buildId !== undefined) return buildId;
    if (segment.type === PT_NOTE)
      look('segment of notes', segment.offset, segment.fileSize, segment.alignment === 8n ? 8 : 4);
  }
  for (const section of elf.sections) {
    if (buildId !== undefined) return buildId;
    if (section.type === SHT_NOTE && section.name === '.note.gnu.build-id')
      look(section.name, section.offset, section.size, 4);
  }
  return buildId;
}

/**
 * gABI, "Note Section": three words (length of the owner's name, of the description, type), then
 * both, padded. The reader stands at a note's description when it is visited.
 */
export function forEachNote(
  reader: ByteReader,
  alignment: number,
  visit: (owner: string, type: number, end: number) => void,
): void {
  const padded = (length: number) => Math.ceil(length / alignment) * alignment;
  // What is left may be padding.
  for (let at = reader.at; reader.length - at >= 12; ) {
    reader.at = at;
    const nameSize = reader.u32();
    const descriptionSize = reader.u32();
    const type = reader.u32();
    const description = at + padded(12 + nameSize);
    const end = description + descriptionSize;
    if (end > reader.length) throw new ElfError(`${reader.what}: the note at ${at} does not end inside it`);
    // The owners we look for are short.
    const owner = nameSize > 0 && nameSize <= 8 ? reader.text(nameSize - 1) : '';
    reader.at = description;
    visit(owner, type, end);
    at = description + padded(descriptionSize);
  }
}

function readNote(elf: ElfFile, reader: ByteReader, end: number, currentBase: bigint | undefined): SdtNote {
  const size = end - reader.at;
  if (size < 24) throw new ElfError(`.note.stapsdt: a note of ${size} bytes; its addresses alone have 24`);
  const location = reader.u64();
  const base = reader.u64();
  const semaphore = reader.u64();
  const text = () => reader.textToZero(end - reader.at - 1);
  const provider = text();
  const name = text();
  const operands = text();
  const moved = currentBase === undefined || base === 0n ? 0n : currentBase - base;
  const address = BigInt.asUintN(64, location + moved);
  return {
    provider,
    name,
    arguments: operands,
    location,
    base,
    semaphore,
    address,
    fileOffset: elf.fileOffset(address),
  };
}

/** Linkers make them of 8 to 32 bytes, and take any from their users. */
const LONGEST_BUILD_ID = 1024;
