import { ElfError } from './error.js';
import type { Source } from './source.js';

/** A part of a file, which is all inside of it. */
export interface Part {
  /** For messages, as `section 3 (.text)`. */
  what: string;
  offset: number;
  size: number;
  littleEndian: boolean;
  /** Whether all of it is read at once, since what reads it goes back and forth. */
  whole?: boolean;
}

/**
 * Reads numbers and texts of a part of a file, each from where the one before ended. Bytes of a
 * descriptor are read when they are needed.
 */
export class ByteReader {
  /** The next byte, counted from the part's beginning. It may be set to anything. */
  at = 0;
  readonly length: number;
  readonly what: string;
  private readonly start: number;
  private readonly littleEndian: boolean;
  private readonly source: Source;
  private readonly chunk: number;
  // Those bytes of the part that are in memory.
  private window: Buffer = NOTHING;
  private view: DataView = NO_VIEW;
  private windowStart = 0;
  private windowEnd = 0;

  constructor(source: Source, { what, offset, size, littleEndian, whole }: Part) {
    this.source = source;
    this.what = what;
    this.start = offset;
    this.length = size;
    this.littleEndian = littleEndian;
    this.chunk = whole ? size : source.chunk;
    if (this.chunk >= size) this.load(0, size);
  }

  u8(): number {
    const position = this.take(1);
    return this.window[position]!;
  }

  u16(): number {
    const position = this.take(2);
    return this.view.getUint16(position, this.littleEndian);
  }

  u32(): number {
    const position = this.take(4);
    return this.view.getUint32(position, this.littleEndian);
  }

  u64(): bigint {
    const position = this.take(8);
    return this.view.getBigUint64(position, this.littleEndian);
  }

  /** An offset or size of 64 bits: exact up to 2^53, and anything above is outside any file. */
  size(): number {
    const first = this.u32();
    const second = this.u32();
    return this.littleEndian ? second * 0x100000000 + first : first * 0x100000000 + second;
  }

  /** A number of so many bytes, up to four. */
  unsigned(size: number): number {
    const position = this.take(size);
    return this.littleEndian ? this.window.readUIntLE(position, size) : this.window.readUIntBE(position, size);
  }

  /** A ULEB128 of DWARF; above 2^53, it is not exact. */
  uleb(): number {
    return this.leb(false);
  }

  sleb(): number {
    return this.leb(true);
  }

  /** A copy of so many bytes. */
  bytes(size: number): Buffer {
    const position = this.take(size);
    return Buffer.from(this.window.subarray(position, position + size));
  }

  /** UTF-8 text of so many bytes. */
  text(size: number): string {
    const position = this.take(size);
    return this.window.toString('utf8', position, position + size);
  }

  /**
   * UTF-8 text up to a zero.
   *
   * @throws {ElfError} if there is none within so many bytes of text
   */
  textToZero(longest = Number.POSITIVE_INFINITY): string {
    const text = this.text(this.sizeToZero(longest));
    this.at++;
    return text;
  }

  skip(size: number): void {
    this.at += size;
  }

  skipText(): void {
    this.at += this.sizeToZero(Number.POSITIVE_INFINITY) + 1;
  }

  /**
   * @internal Moves on; where in the window the bytes are that it moved over. The window may be
   * another one then.
   */
  take(size: number): number {
    const { at } = this;
    // Also wrong if it is NaN.
    if (!(at >= 0 && at + size <= this.length)) {
      throw new ElfError(`${this.what}: it ends at ${this.length}, and ${size} bytes at ${at} are asked for`);
    }
    this.at = at + size;
    if (at < this.windowStart || at + size > this.windowEnd) this.load(at, size);
    return at - this.windowStart;
  }

  /** @internal The bytes before the next zero. */
  sizeToZero(longest: number): number {
    const { at } = this;
    if (!(at >= 0 && at < this.length)) throw new ElfError(`${this.what}: there is nothing at ${at} of ${this.length}`);
    const limit = Math.min(this.length - at, longest + 1);
    // Most texts are short, and need no search of all that is there.
    for (let searched = 0, size = 64; searched < limit; size *= 8) {
      const end = Math.min(limit, size);
      if (at < this.windowStart || at + end > this.windowEnd) this.load(at, end);
      const from = at - this.windowStart;
      const found = zeroIn(this.window, from + searched, from + end);
      if (found !== undefined) return found - from;
      searched = end;
    }
    throw new ElfError(`${this.what}: the text at ${at} does not end`);
  }

  private leb(signed: boolean): number {
    const start = this.at;
    let value = 0;
    for (let shift = 0; shift < 7 * LONGEST_LEB; shift += 7) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return signed && byte & 0x40 ? value - 2 ** (shift + 7) : value;
    }
    throw new ElfError(`${this.what}: the number at ${start} has more than ${LONGEST_LEB} bytes`);
  }

  private load(at: number, size: number): void {
    const bytes = this.source.read(this.start + at, Math.min(Math.max(size, this.chunk), this.length - at));
    this.window = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.windowStart = at;
    this.windowEnd = at + bytes.length;
  }
}

const NOTHING = Buffer.alloc(0);
const NO_VIEW = new DataView(new ArrayBuffer(0));
/** Of a number of 64 bits; padded numbers, as linkers leave them, have no more. */
const LONGEST_LEB = 10;

function zeroIn(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (end - start > 64) {
    const found = bytes.subarray(start, end).indexOf(0);
    return found === -1 ? undefined : start + found;
  }
  for (let i = start; i < end; i++) if (bytes[i] === 0) return i;
  return undefined;
}
