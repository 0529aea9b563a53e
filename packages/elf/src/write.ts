import { machines, STUB_ALIGNMENT, stubFor } from './architecture.js';
import { writeBtf } from './btf.js';
import { align, ByteWriter } from './bytes.js';
import {
  DT_HASH,
  DT_NULL,
  DT_SONAME,
  DT_STRSZ,
  DT_STRTAB,
  DT_SYMENT,
  DT_SYMTAB,
  DYNAMIC_ENTRY_SIZE,
  ELFCLASS64,
  ELFDATA2LSB,
  ET_DYN,
  EV_CURRENT,
  HEADER_SIZE,
  NT_GNU_BUILD_ID,
  PF_R,
  PF_W,
  PF_X,
  PT_DYNAMIC,
  PT_GNU_STACK,
  PT_LOAD,
  PT_NOTE,
  SECTION_HEADER_SIZE,
  SEGMENT_HEADER_SIZE,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_DYNAMIC,
  SHT_DYNSYM,
  SHT_HASH,
  SHT_NOTE,
  SHT_PROGBITS,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_GLOBAL,
  STT_FUNC,
  SYMBOL_SIZE,
} from './constants.js';
import { checkDefinition, type ProbeDefinition, type ProbeObjectDefinition } from './definition.js';
import { abbreviations, writeAddressRanges, writeDebugInfo, writeFrames } from './dwarf.js';
import { contentHash, type Range } from './hash.js';
import { PROGRAM_NOTE, writeProgramNote } from './program-note.js';
import { writeNotes } from './write-notes.js';

/** An object as it goes into a file, and what its loader has to know of it. */
export interface ProbeObject {
  bytes: Uint8Array;
  /**
   * 40 hex digits: a hash of the object's own content, taken while this field is zero. perf and
   * debuggers know the object by it, and {@link isIntact} tells by it whether a file is whole. It
   * is not cryptographic and proves nothing about a file that others could write.
   */
  buildId: string;
  /**
   * The stubs' section: where it lies in the file and in memory, there relative to the load base,
   * and how long it is, in bytes.
   */
  text: { fileOffset: number; address: number; size: number };
}

/** The code of an object: known from its definition, without writing it. */
export interface Stubs {
  /** Bytes, from the first stub to the end of the last. */
  size: number;
  /** Bytes from one stub to the next, in the order of the definition's probes. */
  distance: number;
  /** The first byte of each as generated. While a tracer is attached, another one is in memory. */
  untraced: number;
}

/**
 * Goes into every {@link definitionKey}. To be increased whenever a definition gives other bytes
 * than before.
 */
const FORMAT = 4;

/**
 * 40 hex digits that stand for a definition and for the version of this writer: what two objects
 * with the same key hold is the same, so nothing need be written to find out whether an object is
 * there already. Fields in another order, or more of them, give another key.
 */
export function definitionKey(definition: ProbeObjectDefinition): string {
  const text = `${FORMAT} ${JSON.stringify(definition)}`;
  // Names are ASCII.
  const bytes = Buffer.from(new ArrayBuffer((text.length + 3) & -4));
  bytes.write(text, 'latin1');
  return hexadecimal(contentHash(bytes.buffer, [{ start: 0, end: bytes.length }]));
}

/** Where the stubs of such an object lie. */
export function stubsOf({ architecture, nop, probes }: ProbeObjectDefinition): Stubs {
  return {
    // Never empty: a segment of no bytes cannot be mapped.
    size: Math.max(probes.length, 1) * STUB_ALIGNMENT,
    distance: STUB_ALIGNMENT,
    untraced: stubFor(architecture, nop).code[0]!,
  };
}

/**
 * Files are laid out by this, whatever the segments' alignment: uprobes address pages of the file.
 */
const FILE_PAGE = 0x1000;

const SEGMENT_COUNT = 6;
const BUILD_ID_NOTE_SIZE = 36;
const DYNAMIC_SIZE = 7 * DYNAMIC_ENTRY_SIZE;
const FRAME_SIZE = 48;

// Indexes of sections that others refer to; those of .strtab and .shstrtab are counted from the
// end.
const DYNSYM_INDEX = 1;
const DYNSTR_INDEX = 4;
const TEXT_INDEX = 5;

const sectionNames =
  '\0.dynsym\0.hash\0.note.gnu.build-id\0.dynstr\0.text\0.stapsdt.base\0.dynamic\0.note.stapsdt\0.debug_aranges' +
  '\0.debug_abbrev\0.debug_info\0.debug_frame\0.symtab\0.strtab\0.shstrtab\0.BTF\0.note.sonde\0';

/**
 * Writes a *probe object*: an ELF64 shared object that holds a function doing nothing (its *stub*)
 * for each probe, and everything by which Linux tools find it. Once it is `dlopen`ed, tracers list
 * the probes as USDT (`usdt:OBJECT:smtp:session__start`), unless `notes` is false, and as functions
 * with named, typed arguments (`uprobe:OBJECT:smtp_session__start`). Without notes it has BTF, for
 * tools that know functions only.
 *
 * | segment | holds |
 * | --- | --- |
 * | read | headers, symbols, build-id |
 * | read, execute | `.text`, and the one byte of `.stapsdt.base` |
 * | read, write | `.dynamic` |
 * | none | notes or BTF, DWARF, `.symtab` |
 *
 * The same definition gives the same bytes, always and everywhere.
 *
 * @throws {ElfError} if a name is not a C identifier of allowed length or not unique, if a probe
 * has an argument of unknown type, or if any other field is out of its range. The message names the
 * value and the rule.
 */
export function writeProbeObject(definition: ProbeObjectDefinition): ProbeObject {
  checkDefinition(definition);
  const { provider, architecture, notes, probes, program } = definition;
  const machine = machines[architecture];
  const { segmentAlignment } = machine;
  const stub = stubFor(architecture, definition.nop);
  const count = probes.length;

  // Layout. All that is loaded has a size that is known beforehand, so addresses can be written
  // where they are needed.
  let symbols = '\0';
  let argumentCount = 0;
  for (let i = 0; i < count; i++) {
    symbols += `${probes[i]!.symbol}\0`;
    argumentCount += probes[i]!.arguments.length;
  }
  const strings = `${symbols}${provider}.so\0`;

  const dynsym = HEADER_SIZE + SEGMENT_COUNT * SEGMENT_HEADER_SIZE;
  const dynsymSize = (count + 1) * SYMBOL_SIZE;
  const hash = dynsym + dynsymSize;
  const bucketCount = (count >> 1) | 1;
  const hashSize = (2 + bucketCount + count + 1) * 4;
  const buildIdNote = hash + hashSize;
  const dynstr = buildIdNote + BUILD_ID_NOTE_SIZE;
  const readSize = dynstr + strings.length;

  const textOffset = align(readSize, FILE_PAGE);
  const textSize = stubsOf(definition).size;
  const textAddress = nextSegment(readSize, textOffset, segmentAlignment);
  const text = { fileOffset: textOffset, address: textAddress, size: textSize };
  // .stapsdt.base follows the code, so that its distance to the stubs is the same in the file as in
  // memory: perf reckons with file offsets here, others with addresses, and where segments are
  // aligned to more than the file is, the two differ from segment to segment.
  const baseAddress = textAddress + textSize;
  const executeSize = textSize + (notes ? 1 : 0);

  const dynamic = align(textOffset + executeSize, FILE_PAGE);
  const dynamicAddress = nextSegment(textAddress + executeSize, dynamic, segmentAlignment);

  const out = new ByteWriter(dynamic + 3000 + count * 160 + argumentCount * 48 + 2 * strings.length);

  // Header and segments.
  out.words([0x464c457f, (EV_CURRENT << 16) | (ELFDATA2LSB << 8) | ELFCLASS64, 0, 0]); // 7f "ELF"; System V ABI
  out.words([(machine.elfMachine << 16) | ET_DYN, EV_CURRENT, 0, 0, HEADER_SIZE, 0]);
  out.words([0, 0, 0]); // offset of the section headers, below; flags
  out.words([(SEGMENT_HEADER_SIZE << 16) | HEADER_SIZE, (SECTION_HEADER_SIZE << 16) | SEGMENT_COUNT, 0]);
  writeSegment(out, PT_LOAD, PF_R, 0, 0, readSize, segmentAlignment);
  writeSegment(out, PT_LOAD, PF_R | PF_X, textOffset, textAddress, executeSize, segmentAlignment);
  writeSegment(out, PT_LOAD, PF_R | PF_W, dynamic, dynamicAddress, DYNAMIC_SIZE, segmentAlignment);
  writeSegment(out, PT_DYNAMIC, PF_R | PF_W, dynamic, dynamicAddress, DYNAMIC_SIZE, 8);
  writeSegment(out, PT_NOTE, PF_R, buildIdNote, buildIdNote, BUILD_ID_NOTE_SIZE, 4);
  writeSegment(out, PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 16);

  // Segment: read.
  writeSymbols(out, probes, textAddress, stub.size);
  writeHashTable(out, probes, bucketCount);
  out.words([4, 20, NT_GNU_BUILD_ID, 0x00554e47]); // "GNU"; the id itself, at the end
  out.skipTo(dynstr);
  out.text(strings);

  // Segment: read, execute.
  out.skipTo(textOffset);
  for (let i = 0; i < count; i++) out.copy(stub.code);

  // Segment: read, write. glibc before 2.35 relocates pointers in place here, and crashes where it
  // cannot.
  out.skipTo(dynamic);
  out.words([DT_SONAME, 0, symbols.length, 0, DT_HASH, 0, hash, 0, DT_STRTAB, 0, dynstr, 0, DT_SYMTAB, 0, dynsym, 0]);
  out.words([DT_STRSZ, 0, strings.length, 0, DT_SYMENT, 0, SYMBOL_SIZE, 0, DT_NULL, 0, 0, 0]);

  // Not loaded.
  const sdtNotes = out.length;
  if (notes) writeNotes(out, machine, provider, probes, textAddress, baseAddress);
  const btf = out.length;
  if (!notes) writeBtf(out, machine, probes);
  const btfEnd = out.length;
  out.align(4);
  const programNote = out.length;
  if (program) writeProgramNote(out, provider, program);
  const debugRanges = out.length;
  writeAddressRanges(out, text);
  const debugAbbrev = out.length;
  out.copy(abbreviations);
  const debugInfo = out.length;
  writeDebugInfo(out, machine, provider, probes, text, stub.size);
  const debugInfoEnd = out.length;
  out.align(8);
  const debugFrame = out.length;
  writeFrames(out, machine, text);
  // The same symbols again, under the same names: `strip` may take these, never the others.
  out.align(8);
  const symtab = out.length;
  out.repeat(dynsym, dynsymSize);
  const strtab = out.length;
  out.repeat(dynstr, symbols.length);
  const shstrtab = out.length;
  out.text(sectionNames);

  // The table of all of it.
  out.align(8);
  const sectionHeaders = out.length;
  const sectionCount = (notes ? 16 : 15) + (program ? 1 : 0);
  const code = SHF_ALLOC | SHF_EXECINSTR;
  const data = SHF_ALLOC | SHF_WRITE;
  out.skipTo(sectionHeaders + SECTION_HEADER_SIZE); // the section that is none
  writeSection(out, '.dynsym', SHT_DYNSYM, SHF_ALLOC, dynsym, dynsym, dynsymSize, 8, DYNSTR_INDEX, 1, SYMBOL_SIZE);
  writeSection(out, '.hash', SHT_HASH, SHF_ALLOC, hash, hash, hashSize, 4, DYNSYM_INDEX, 0, 4);
  writeSection(out, '.note.gnu.build-id', SHT_NOTE, SHF_ALLOC, buildIdNote, buildIdNote, BUILD_ID_NOTE_SIZE, 4);
  writeSection(out, '.dynstr', SHT_STRTAB, SHF_ALLOC, dynstr, dynstr, strings.length, 1);
  writeSection(out, '.text', SHT_PROGBITS, code, textAddress, textOffset, textSize, STUB_ALIGNMENT);
  if (notes) writeSection(out, '.stapsdt.base', SHT_PROGBITS, SHF_ALLOC, baseAddress, textOffset + textSize, 1, 1);
  writeSection(
    out,
    '.dynamic',
    SHT_DYNAMIC,
    data,
    dynamicAddress,
    dynamic,
    DYNAMIC_SIZE,
    8,
    DYNSTR_INDEX,
    0,
    DYNAMIC_ENTRY_SIZE,
  );
  if (notes) writeSection(out, '.note.stapsdt', SHT_NOTE, 0, 0, sdtNotes, btf - sdtNotes, 4);
  else writeSection(out, '.BTF', SHT_PROGBITS, 0, 0, btf, btfEnd - btf, 4);
  if (program) writeSection(out, PROGRAM_NOTE, SHT_NOTE, 0, 0, programNote, debugRanges - programNote, 4);
  writeSection(out, '.debug_aranges', SHT_PROGBITS, 0, 0, debugRanges, debugAbbrev - debugRanges, 1);
  writeSection(out, '.debug_abbrev', SHT_PROGBITS, 0, 0, debugAbbrev, debugInfo - debugAbbrev, 1);
  writeSection(out, '.debug_info', SHT_PROGBITS, 0, 0, debugInfo, debugInfoEnd - debugInfo, 1);
  writeSection(out, '.debug_frame', SHT_PROGBITS, 0, 0, debugFrame, FRAME_SIZE, 8);
  writeSection(out, '.symtab', SHT_SYMTAB, 0, 0, symtab, dynsymSize, 8, sectionCount - 2, 1, SYMBOL_SIZE);
  writeSection(out, '.strtab', SHT_STRTAB, 0, 0, strtab, symbols.length, 1);
  writeSection(out, '.shstrtab', SHT_STRTAB, 0, 0, shstrtab, sectionNames.length, 1);
  out.patch32(40, sectionHeaders);
  out.patch32(60, ((sectionCount - 1) << 16) | sectionCount);

  const hashed = hashedRanges(readSize, textOffset, executeSize, dynamic, out.length);
  const id = contentHash(out.memory, hashed);
  for (let i = 0; i < id.length; i++) out.patch32(buildIdNote + 16 + 4 * i, id[i]!, false);
  return { bytes: new Uint8Array(out.memory, 0, out.length), buildId: hexadecimal(id), text };
}

/** All but the empty space between the segments. */
function hashedRanges(readSize: number, code: number, codeSize: number, dynamic: number, size: number): Range[] {
  return [
    { start: 0, end: align(readSize, 4) },
    { start: code, end: align(code + codeSize, 4) },
    { start: dynamic, end: size },
  ];
}

/**
 * Whether a file's content is an object as {@link writeProbeObject} made it, down to the last bit:
 * its build-id is that of its content. Damage is found this way, forgery is not.
 *
 * @param memory the file, followed by nothing or zeros, on a multiple of four bytes; it is changed
 * @param size the file's own size in bytes
 */
export function isIntact(memory: ArrayBuffer, size: number): boolean {
  const segments = HEADER_SIZE;
  if (size % 4 !== 0 || size < segments + SEGMENT_COUNT * SEGMENT_HEADER_SIZE) return false;
  const view = new DataView(memory);
  const word = (segment: number, field: number) =>
    view.getUint32(segments + segment * SEGMENT_HEADER_SIZE + field, true);
  const [offset, fileSize] = [8, 32]; // p_offset, p_filesz
  const hashed = hashedRanges(word(0, fileSize), word(1, offset), word(1, fileSize), word(2, offset), size);
  const idAt = word(4, offset) + 16;
  if (idAt + 20 > size || hashed.some(({ start, end }) => start > end || end > size)) return false;
  const id = [0, 1, 2, 3, 4].map((i) => view.getInt32(idAt + 4 * i));
  for (let i = 0; i < id.length; i++) view.setInt32(idAt + 4 * i, 0);
  return contentHash(memory, hashed).every((word, i) => (word | 0) === id[i]);
}

/** The address where what lies at `fileOffset` may be mapped, in pages of its own after `end`. */
function nextSegment(end: number, fileOffset: number, alignment: number): number {
  return align(end, alignment) + (fileOffset & (alignment - 1));
}

function writeSegment(
  out: ByteWriter,
  type: number,
  flags: number,
  offset: number,
  address: number,
  size: number,
  alignment: number,
): void {
  // The address is there twice, as a virtual and a physical one; the size, too, for file and
  // memory.
  out.words([type, flags, offset, 0, address, 0, address, 0, size, 0, size, 0, alignment, 0]);
}

function writeSection(
  out: ByteWriter,
  name: string,
  type: number,
  flags: number,
  address: number,
  offset: number,
  size: number,
  alignment: number,
  link = 0,
  info = 0,
  entrySize = 0,
): void {
  const nameAt = sectionNames.indexOf(`\0${name}\0`) + 1;
  out.words([nameAt, type, flags, 0, address, 0, offset, 0, size, 0, link, info, alignment, 0, entrySize, 0]);
}

/**
 * A symbol table. The names stand one after the other in the string table, in this order, after its
 * first zero.
 */
function writeSymbols(out: ByteWriter, probes: readonly ProbeDefinition[], textAddress: number, size: number): void {
  out.words([0, 0, 0, 0, 0, 0]); // the symbol that is none
  const kind = (TEXT_INDEX << 16) | (STB_GLOBAL << 4) | STT_FUNC;
  let name = 1;
  for (let i = 0; i < probes.length; i++) {
    out.words([name, kind, textAddress + i * STUB_ALIGNMENT, 0, size, 0]);
    name += probes[i]!.symbol.length + 1;
  }
}

/**
 * The hash table by which dynamic loaders find symbols: gABI, "Hash Table". glibc and musl both
 * read it, and need no other.
 */
function writeHashTable(out: ByteWriter, probes: readonly ProbeDefinition[], bucketCount: number): void {
  const chainCount = probes.length + 1;
  const table = new Array<number>(2 + bucketCount + chainCount).fill(0);
  table[0] = bucketCount;
  table[1] = chainCount;
  for (let i = 1; i < chainCount; i++) {
    const bucket = 2 + (symbolHash(probes[i - 1]!.symbol) % bucketCount);
    table[2 + bucketCount + i] = table[bucket]!;
    table[bucket] = i;
  }
  out.words(table);
}

/** `elf_hash` of the gABI. */
function symbolHash(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) {
    hash = (hash << 4) + name.charCodeAt(i);
    hash = (hash ^ ((hash >>> 24) & 0xf0)) & 0x0fffffff;
  }
  return hash;
}

/** Words of 32 bits, the most significant digit first, as a build-id reads. */
function hexadecimal(words: readonly number[]): string {
  let digits = '';
  for (let i = 0; i < words.length; i++) digits += ((words[i]! >>> 0) + 0x100000000).toString(16).slice(1);
  return digits;
}
