import { fstatSync, readSync } from 'node:fs';
import { ElfError } from './error.js';

/** Where the bytes of a file are: in memory, or behind a descriptor. */
export interface Source {
  /** Of the file, in bytes. */
  readonly size: number;
  /** How many bytes are best read at once; in memory, all of them. */
  readonly chunk: number;
  /** Bytes of a range that is inside the file. */
  read(offset: number, size: number): Uint8Array;
}

/** @throws {ElfError} if it is neither; the error of `fstat` if the descriptor is not open */
export function sourceOf(file: Uint8Array | number): Source {
  if (file instanceof Uint8Array) return new MemorySource(file);
  if (typeof file === 'number' && file >= 0 && file < 2 ** 31 && Number.isInteger(file)) {
    return new DescriptorSource(file);
  }
  throw new ElfError(
    `${typeof file === 'number' ? file : typeof file} is neither a Uint8Array nor the descriptor of a file`,
  );
}

class MemorySource implements Source {
  readonly size: number;
  readonly chunk = Number.POSITIVE_INFINITY;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.size = bytes.length;
  }

  read(offset: number, size: number): Uint8Array {
    return this.bytes.subarray(offset, offset + size);
  }
}

class DescriptorSource implements Source {
  readonly size: number;
  readonly chunk = 16 * 1024;
  private readonly descriptor: number;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
    this.size = fstatSync(descriptor).size;
  }

  read(offset: number, size: number): Uint8Array {
    // A file may have holes, and be larger than any memory.
    if (size > MOST_AT_ONCE) throw new ElfError(`${size} bytes at ${offset}: at most ${MOST_AT_ONCE} are read at once`);
    const bytes = Buffer.allocUnsafeSlow(size);
    for (let done = 0; done < size; ) {
      const read = readSync(this.descriptor, bytes, done, size - done, offset + done);
      if (read === 0) throw new ElfError(`${size} bytes at ${offset}: the file was truncated while it was read`);
      done += read;
    }
    return bytes;
  }
}

const MOST_AT_ONCE = 256 * 1024 * 1024;
