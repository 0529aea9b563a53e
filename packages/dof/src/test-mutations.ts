// DOF that is changed at random, and all that can be read of what comes of it.
import assert from 'node:assert/strict';
import { type BrokenRule, DofError, type DofFile, readDof, validate, writeDof } from './index.js';
import { example, probe } from './test-definitions.js';

const probes = [probe, { ...probe, name: 'session-end', offsets: [8, 12], nativeArguments: ['int', 'int', 'int'] }];
export const originals = [
  writeDof(example({ probes })).bytes,
  writeDof(example({ probes, byteOrder: 'big', version: 3 })).bytes,
  writeDof(example({ version: 1, probes: [{ ...probe, isEnabledOffsets: [] }] })).bytes,
];

/** Makes another one each time it is called; the same ones for the same seed. */
export function mutations(seed: number): () => Uint8Array {
  const random = generator(seed);
  return () => {
    const bytes = originals[random(originals.length)]!.slice();
    const view = new DataView(bytes.buffer);
    for (let change = 1 + random(6); change > 0; change--) {
      const kind = random(4);
      const at = random(bytes.length);
      if (kind === 0) bytes[at] = random(256);
      else if (kind === 1) bytes[at]! ^= 1 << random(8);
      else if (kind === 2) view.setUint32(Math.min(at & -4, bytes.length - 4), random(600), random(2) === 0);
      else bytes.copyWithin(at, random(bytes.length), random(bytes.length));
    }
    return bytes.subarray(0, random(8) === 0 ? random(bytes.length + 1) : bytes.length);
  };
}

/**
 * Reads in both ways, inside of other memory: twice, with other bytes around. Anything but a
 * `DofError` is a fault, and so is a result that depends on what is not DOF, or that is larger than
 * DOF can justify.
 */
export function readEverything(bytes: Uint8Array, hint = ''): void {
  const [first, second] = [0x00, 0x41].map((around) => {
    const memory = new Uint8Array(bytes.length + 64).fill(around);
    memory.set(bytes, 24);
    return readBoth(memory.subarray(24, 24 + bytes.length));
  });
  assert.deepEqual(first, second, hint);
  const { dof, error, broken } = first!;
  if (dof === undefined) {
    assert.equal(broken.at(-1)?.rule, error?.rule, hint);
    assert.ok(error!.offset >= 0 && error!.offset <= bytes.length, hint);
  } else {
    assert.ok(sizeOf(dof) <= 64 * bytes.length, hint);
  }
}

function readBoth(bytes: Uint8Array): { dof?: DofFile; error?: BrokenRule; broken: BrokenRule[] } {
  const broken = validate(bytes);
  try {
    return { dof: readDof(bytes), broken };
  } catch (error) {
    if (error instanceof DofError && error.broken !== undefined) return { error: error.broken, broken };
    throw error;
  }
}

function sizeOf({ providers, sections }: DofFile): number {
  let size = sections.length;
  for (const { probes } of providers) {
    for (const { name, function: function_, nativeArguments, translatedArguments, ...numbers } of probes) {
      size += name.length + function_.length + nativeArguments.join().length + translatedArguments.join().length;
      size += numbers.offsets.length + numbers.isEnabledOffsets.length + numbers.argumentMap.length;
    }
  }
  return size;
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
