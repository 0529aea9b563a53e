/** In bytes. */
export interface Range {
  start: number;
  end: number;
}

/**
 * 160 bits that tell contents apart, for use as a build-id.
 *
 * Not cryptographic, on purpose: loading `node:crypto` takes a fresh process 3 to 5 ms, a SHA-1 in
 * cold JavaScript 2 ms, both longer than writing the object. It need not be: a build-id tells files
 * apart that were not made to be confused, and whether one is damaged (`isIntact`). It is no guard
 * against forgery: whoever maps a file must know that nobody else can write where it lies.
 *
 * Blocks of five 32-bit words meet five lanes of state. For each block, state and words determine
 * each other one to one, and every lane goes into the next: a difference cannot die out before
 * another block happens to match it in all 160 bits.
 *
 * Ranges are in bytes, multiples of four. Up to 16 bytes after a range count as well, to fill its
 * last block; those beyond the end of memory as zeros.
 *
 * @returns five words of 32 bits
 */
export function contentHash(memory: ArrayBuffer, ranges: readonly Range[]): number[] {
  const words = littleEndianWords(memory);
  const { imul } = Math;
  let a = 0x243f6a88;
  let b = 0x13198a2e;
  let c = 0x299f31d0;
  let d = 0x452821e6;
  let e = 0x34e90c6c;
  for (const { start, end } of ranges) {
    for (let i = start >> 2; i < end >> 2; i += 5) {
      a = imul(a ^ words[i]!, 0x9e3779b1);
      a = (a << 13) | (a >>> 19);
      b = imul(b ^ words[i + 1]!, 0x85ebca77);
      b = (((b << 17) | (b >>> 15)) + a) | 0;
      c = imul(c ^ words[i + 2]!, 0xc2b2ae3d);
      c = (((c << 11) | (c >>> 21)) + b) | 0;
      d = imul(d ^ words[i + 3]!, 0x27d4eb2f);
      d = (((d << 19) | (d >>> 13)) + c) | 0;
      e = imul(e ^ words[i + 4]!, 0x165667b1);
      e = (((e << 7) | (e >>> 25)) + d) | 0;
      a ^= e;
    }
  }
  a = spread(a ^ e);
  b = spread(b ^ a);
  c = spread(c ^ b);
  d = spread(d ^ c);
  e = spread(e ^ d);
  return [a ^ e, b, c, d, e];
}

/** Lets every bit of a word reach every other; nothing is lost. */
function spread(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return mixed ^ (mixed >>> 16);
}

/** Words of memory that was written as little-endian, on a machine of either kind. */
function littleEndianWords(memory: ArrayBuffer): Int32Array {
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] === 1) return new Int32Array(memory);
  const copy = memory.slice(0);
  Buffer.from(copy).swap32();
  return new Int32Array(copy);
}
