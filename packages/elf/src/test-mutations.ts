// A probe object that is changed at random, and all that can be read of what comes of it.
import assert from 'node:assert/strict';
import {
  ElfError,
  parseOperands,
  readBuildId,
  readElf,
  readNotes,
  readProgramNote,
  readPrototypes,
  writeProbeObject,
} from './index.js';
import { ByteReader } from './reader.js';
import { example } from './test-definitions.js';

export const original = writeProbeObject(
  example({ program: { mixed: { key: 'mixed-key', carries: { a10_pointer: 'bytes' } }, idle: { part: 'start' } } }),
).bytes;
const headersAt = Number(new DataView(original.buffer, original.byteOffset).getBigUint64(40, true));

/** Positions of what is not empty: most of the file is, and changes go where the structures are. */
export const interesting = [...original.keys()].filter(
  (at) => at < 1024 || original[at] !== 0 || at > headersAt || original[at - 1] !== 0,
);

export const extremes = [
  0n,
  1n,
  0x7fn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  1n << 32n,
  1n << 53n,
  1n << 63n,
  (1n << 64n) - 1n,
];

/** Makes another one each time it is called; the same ones for the same seed. */
export function mutations(seed: number): () => Uint8Array {
  const random = generator(seed);
  return () => {
    const bytes = original.slice();
    const view = new DataView(bytes.buffer);
    for (let change = 1 + random(4); change > 0; change--) {
      const at = interesting[random(interesting.length)]!;
      if (random(2) === 0) bytes[at] = random(256);
      else view.setBigUint64(Math.min(at & -8, bytes.length - 8), extremes[random(extremes.length)]!, true);
    }
    return bytes;
  };
}

/**
 * Reads all there is to read. Anything but an `ElfError` is a fault, and so is more work than the
 * file is long, or a result from outside of it.
 */
export function readEverything(bytes: Uint8Array): void {
  const { work } = measured(() => {
    const elf = attempt(() => readElf(bytes));
    if (elf === undefined) return;
    for (const section of elf.sections) {
      const data = attempt(() => elf.data(section));
      assert.ok(data === undefined || data.buffer === bytes.buffer);
    }
    attempt(() => elf.symbols('symtab'));
    attempt(() => elf.symbols('dynsym'));
    attempt(() => readBuildId(elf));
    attempt(() => readPrototypes(elf));
    attempt(() => readPrototypes(elf, new Set([0x1000n, 0x1008n])));
    attempt(() => readProgramNote(elf));
    for (const note of attempt(() => readNotes(elf)) ?? []) {
      parseOperands(note.arguments);
      assert.ok(note.fileOffset === undefined || (note.fileOffset >= 0 && note.fileOffset < bytes.length));
    }
  });
  assert.ok(work <= 40 * bytes.length + 1000, `${work} steps for ${bytes.length} bytes`);
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

/** Counts the bytes that are read meanwhile, as numbers and as text. */
export function measured<T>(read: () => T): { result: T; work: number } {
  let work = 0;
  const { take, sizeToZero } = ByteReader.prototype;
  Object.assign(ByteReader.prototype, {
    take(this: ByteReader, size: number) {
      work += size;
      return take.call(this, size);
    },
    sizeToZero(this: ByteReader, longest: number) {
      const size = sizeToZero.call(this, longest);
      work += size;
      return size;
    },
  });
  try {
    return { result: read(), work };
  } finally {
    Object.assign(ByteReader.prototype, { take, sizeToZero });
  }
}

/** Numbers below a limit, the same in every run (mulberry32). */
export function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}
