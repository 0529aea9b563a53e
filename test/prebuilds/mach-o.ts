// A little of a Mach-O file, as macOS's loader sees it; numbers are from <mach-o/loader.h> and, for
// the signature, <kern/cs_blobs.h>.
import { createHash } from 'node:crypto';

const MH_MAGIC_64 = 0xfeedfacf;
const LC_SYMTAB = 0x2;
const LC_LOAD_DYLIB = 0xc;
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;
const LC_BUILD_VERSION = 0x32;
const HEADER = 32;

export interface Section {
  segment: string;
  name: string;
  address: bigint;
  size: number;
  /** In the file. */
  offset: number;
  /** What the segment may ever be: read 1, write 2, execute 4. */
  protection: number;
}

export interface MachO {
  processor: number;
  /** 6 is a shared library. */
  fileType: number;
  sections: Section[];
  /** Defined ones, by name. */
  symbols: Map<string, bigint>;
  /** What it is linked against. */
  libraries: string[];
  /** The oldest macOS that loads it: 11.0. */
  oldestSystem: string;
  signature: Buffer | undefined;
}

export function readMachO(bytes: Buffer): MachO {
  if (bytes.readUInt32LE(0) !== MH_MAGIC_64) throw new Error('not a 64-bit Mach-O file');
  const file: MachO = {
    processor: bytes.readUInt32LE(4),
    fileType: bytes.readUInt32LE(12),
    sections: [],
    symbols: new Map(),
    libraries: [],
    oldestSystem: '',
    signature: undefined,
  };
  let at = HEADER;
  for (let left = bytes.readUInt32LE(16); left > 0; left--) {
    const u32 = (offset: number) => bytes.readUInt32LE(at + offset);
    switch (u32(0)) {
      case LC_SEGMENT_64:
        for (let i = 0; i < u32(64); i++) file.sections.push(readSection(bytes, at + 72 + 80 * i, u32(56)));
        break;
      case LC_SYMTAB:
        readSymbols(bytes, { symbols: u32(8), count: u32(12), strings: u32(16) }, file.symbols);
        break;
      case LC_LOAD_DYLIB:
        file.libraries.push(text(bytes, at + u32(8)));
        break;
      case LC_BUILD_VERSION:
        file.oldestSystem = `${u32(12) >>> 16}.${(u32(12) >>> 8) & 0xff}`;
        break;
      case LC_CODE_SIGNATURE:
        file.signature = bytes.subarray(u32(8), u32(8) + u32(12));
        break;
    }
    at += u32(4);
  }
  return file;
}

function readSection(bytes: Buffer, at: number, protection: number): Section {
  return {
    name: text(bytes, at, 16),
    segment: text(bytes, at + 16, 16),
    address: bytes.readBigUInt64LE(at + 32),
    size: Number(bytes.readBigUInt64LE(at + 40)),
    offset: bytes.readUInt32LE(at + 48),
    protection,
  };
}

function readSymbols(
  bytes: Buffer,
  { symbols, count, strings }: Record<'symbols' | 'count' | 'strings', number>,
  into: Map<string, bigint>,
): void {
  for (let i = 0; i < count; i++) {
    const at = symbols + 16 * i;
    // Of a type that is defined in a section (N_SECT).
    if ((bytes[at + 4]! & 0x0e) !== 0x0e) continue;
    into.set(text(bytes, strings + bytes.readUInt32LE(at)), bytes.readBigUInt64LE(at + 8));
  }
}

function text(bytes: Buffer, at: number, most = Number.POSITIVE_INFINITY): string {
  const end = bytes.indexOf(0, at);
  return bytes.toString('latin1', at, Math.min(end < 0 ? bytes.length : end, at + most));
}

/**
 * Whether a code signature is whole: one "ad hoc", made by the linker, is no more than hashes of
 * the file's pages. macOS on arm64 ends a process that touches a page of which the hash is wrong.
 */
export function isSignedWhole(bytes: Buffer, signature: Buffer): boolean {
  // A super blob: magic, length, count; then for each blob its type and place. The code directory
  // has type 0.
  const blobs = Array.from({ length: signature.readUInt32BE(8) }, (_, index) => 12 + 8 * index);
  const directory = blobs.find((at) => signature.readUInt32BE(at) === 0);
  if (directory === undefined) return false;
  const code = signature.subarray(signature.readUInt32BE(directory + 4));
  const hashes = code.readUInt32BE(16);
  const pages = code.readUInt32BE(28);
  const limit = code.readUInt32BE(32);
  const [hashSize, hashType, pageSize] = [code[36]!, code[37], 2 ** code[39]!];
  if (hashType !== 2 || limit !== signature.byteOffset - bytes.byteOffset || pages !== Math.ceil(limit / pageSize))
    return false;
  return Array.from({ length: pages }, (_, page) => page).every((page) => {
    const content = bytes.subarray(page * pageSize, Math.min((page + 1) * pageSize, limit));
    const hash = code.subarray(hashes + page * hashSize, hashes + (page + 1) * hashSize);
    return createHash('sha256').update(content).digest().equals(hash);
  });
}
