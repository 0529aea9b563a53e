/**
 * A little-endian byte sequence that grows while it is written.
 *
 * One buffer for the whole file, and few, plain functions: an object is written once per process,
 * in code that V8 has yet to compile and then interprets. There, the first call of a function costs
 * more than what it does, `Buffer`'s own functions included.
 */
export class ByteWriter {
  /** What was written so far: where the next byte goes. */
  length: number;
  private bytes: Uint8Array;
  private view: DataView<ArrayBuffer>;

  constructor(capacity: number) {
    const memory = new ArrayBuffer((capacity + 3) & -4);
    this.length = 0;
    this.bytes = new Uint8Array(memory);
    this.view = new DataView(memory);
  }

  /** The memory that is written to, as long as the writer does not grow. */
  get memory(): ArrayBuffer {
    return this.view.buffer;
  }

  u8(value: number): void {
    const start = this.reserve(1);
    this.view.setUint8(start, value);
  }

  u32(value: number): void {
    const start = this.reserve(4);
    this.view.setUint32(start, value, true);
  }

  /**
   * Values of 32 bits: structures are written a whole one at a time. Where they have 64 bits, the
   * upper half is 0: nothing in an object is that large.
   */
  words(values: readonly number[]): void {
    let at = this.reserve(4 * values.length);
    const { view } = this; // only now: it may have grown
    for (let i = 0; i < values.length; i++, at += 4) view.setUint32(at, values[i]!, true);
  }

  /** ASCII text, as it is. */
  text(text: string): void {
    const { length } = text;
    const start = this.reserve(length);
    const { bytes } = this;
    for (let i = 0; i < length; i++) bytes[start + i] = text.charCodeAt(i);
  }

  copy(source: Uint8Array): void {
    const start = this.reserve(source.length);
    this.bytes.set(source, start);
  }

  /** Writes again what already stands at `start`. */
  repeat(start: number, length: number): void {
    const target = this.reserve(length);
    this.bytes.copyWithin(target, start, start + length);
  }

  /** Goes on at a later position. What is left out is zero. */
  skipTo(position: number): void {
    this.reserve(position - this.length);
  }

  /** Goes on at the next multiple of `alignment`, a power of two. */
  align(alignment: number): void {
    this.reserve(align(this.length, alignment) - this.length);
  }

  /** Overwrites four bytes written before. */
  patch32(position: number, value: number, littleEndian = true): void {
    this.view.setUint32(position, value, littleEndian);
  }

  private reserve(length: number): number {
    const start = this.length;
    const end = start + length;
    if (end > this.view.byteLength) this.grow(end);
    this.length = end;
    return start;
  }

  private grow(needed: number): void {
    const memory = new ArrayBuffer((Math.max(needed, 2 * this.view.byteLength) + 3) & -4);
    const bytes = new Uint8Array(memory);
    bytes.set(this.bytes);
    this.bytes = bytes;
    this.view = new DataView(memory);
  }
}

/** The next multiple of `alignment`, a power of two; below 2^31. */
export function align(position: number, alignment: number): number {
  return (position + alignment - 1) & -alignment;
}
