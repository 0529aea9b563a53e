import { NT_GNU_BUILD_ID, NT_STAPSDT, PT_NOTE, SHT_NOTE } from './constants.js';
import { ElfError } from './error.js';
import { ElfFile } from './read.js';

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
 * be.
 */
export function readNotes(file: ElfFile | Uint8Array): SdtNote[] {
  const elf = file instanceof ElfFile ? file : new ElfFile(file);
  const base = elf.section('.stapsdt.base')?.address;
  const notes: SdtNote[] = [];
  let budget = elf.bytes.length;
  for (const section of elf.sections) {
    if (section.type !== SHT_NOTE || section.name !== '.note.stapsdt') continue;
    budget -= elf.data(section).length;
    if (budget < 0) throw new ElfError('sections named .note.stapsdt overlap');
    forEachNote(elf, section.name, section.offset, section.size, 4, (owner, type, start, end) => {
      if (owner === 'stapsdt' && type === NT_STAPSDT) notes.push(readNote(elf, start, end, base));
    });
  }
  return notes;
}

/**
 * The build-id of a file, in hex digits: what perf and debuggers know it by. Nothing if it has
 * none.
 *
 * @throws {ElfError} if the file is not a readable ELF file, or its notes are not what they claim
 * to be.
 */
export function readBuildId(file: ElfFile | Uint8Array): string | undefined {
  const elf = file instanceof ElfFile ? file : new ElfFile(file);
  let buildId: string | undefined;
  let budget = 2 * elf.bytes.length;
  const look = (what: string, offset: number, size: number, alignment: number): void => {
    elf.checkRange(what, offset, size);
    budget -= size;
    if (budget < 0) throw new ElfError(`${what}: notes overlap`);
    forEachNote(elf, what, offset, size, alignment, (owner, type, start, end) => {
      if (buildId === undefined && owner === 'GNU' && type === NT_GNU_BUILD_ID) {
        buildId = Buffer.from(elf.bytes.subarray(start, end)).toString('hex');
      }
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
 * both, padded.
 */
export function forEachNote(
  elf: ElfFile,
  what: string,
  offset: number,
  size: number,
  alignment: number,
  visit: (owner: string, type: number, start: number, end: number) => void,
): void {
  const padded = (length: number) => Math.ceil(length / alignment) * alignment;
  const end = offset + size;
  let at = offset;
  // What is left may be padding.
  while (end - at >= 12) {
    const nameSize = elf.u32(at);
    const descriptionSize = elf.u32(at + 4);
    const type = elf.u32(at + 8);
    const description = at + padded(12 + nameSize);
    if (description > end || descriptionSize > end - description) {
      throw new ElfError(`${what}: the note at ${at - offset} does not end inside it`);
    }
    // The owners we look for are short.
    const owner = nameSize > 0 && nameSize <= 8 ? elf.decode(at + 12, at + 12 + nameSize - 1) : '';
    visit(owner, type, description, description + descriptionSize);
    at = description + padded(descriptionSize);
  }
}

function readNote(elf: ElfFile, start: number, end: number, currentBase: bigint | undefined): SdtNote {
  if (end - start < 24)
    throw new ElfError(`.note.stapsdt: a note of ${end - start} bytes; its addresses alone have 24`);
  const location = elf.u64(start);
  const base = elf.u64(start + 8);
  const semaphore = elf.u64(start + 16);
  let at = start + 24;
  const text = (): string => {
    const textEnd = elf.endOfText(at, end);
    if (textEnd === undefined) throw new ElfError('.note.stapsdt: a text does not end inside its note');
    const decoded = elf.decode(at, textEnd);
    at = textEnd + 1;
    return decoded;
  };
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
