import assert from 'node:assert/strict';
import { type BrokenRule, DofError, type DofFile, readDof, validate, writeDof } from './index.js';
import { example, probe } from './test-definitions.js';

/**
 * DOF that is broken by accident or on purpose: a `DofError` or a result inside the bounds, in work that is proportional
 * to its size.
 */
describe('hostile DOF', () => {
  const probes = [probe, { ...probe, name: 'session-end', offsets: [8, 12], nativeArguments: ['int', 'int', 'int'] }];
  const originals = [
    writeDof(example({ probes })).bytes,
    writeDof(example({ probes, byteOrder: 'big', version: 3 })).bytes,
    writeDof(example({ version: 1, probes: [{ ...probe, isEnabledOffsets: [] }] })).bytes,
  ];

  it('survives every truncation', () => {
    for (const original of originals) {
      for (let length = 0; length < original.length; length++) readEverything(original.slice(0, length));
    }
  });

  it('survives the change of any bit', () => {
    for (const original of originals) {
      for (let bit = 0; bit < 8 * original.length; bit++) {
        const bytes = original.slice();
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        readEverything(bytes);
      }
    }
  });

  it('survives an extreme value at every position', () => {
    for (const original of originals) {
      for (let at = 0; at + 8 <= original.length; at += 4) {
        for (const value of extremes) {
          const bytes = original.slice();
          new DataView(bytes.buffer).setBigUint64(at, value, original !== originals[1]);
          readEverything(bytes);
        }
      }
    }
  });

  it('survives ten thousand mutations', () => {
    const seed = Number(process.env.SONDE_SEED ?? 20050131);
    const random = generator(seed);
    for (let round = 0; round < 10_000; round++) {
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
      readEverything(bytes.subarray(0, random(8) === 0 ? random(bytes.length + 1) : bytes.length), `seed ${seed}`);
    }
  });

  it('survives noise behind the first bytes', () => {
    const random = generator(7);
    for (let round = 0; round < 2_000; round++) {
      const bytes = Uint8Array.from({ length: random(600) }, () => random(256));
      bytes.set(originals[0]!.subarray(0, Math.min(bytes.length, 64 + 32 * random(7))));
      readEverything(bytes);
    }
  });

  it('refuses what a few bytes say again and again', () => {
    // Each of the probes has all of the offsets, or all of the arguments with the same long types.
    const offsets = Array.from({ length: 40_000 }, (_, i) => i);
    const nativeArguments = Array.from({ length: 255 }, () => 't'.repeat(127));
    for (const shared of [
      { offsets, nativeArguments: [] },
      { offsets: [0], nativeArguments },
    ]) {
      const plain = { function: 'f', address: 0, offsets: [0], nativeArguments: [] };
      const others = Array.from({ length: 1500 }, (_, i) => ({ ...plain, name: `n${i}` }));
      const { bytes } = writeDof(
        example({
          probes: [{ ...plain, ...shared, name: 'first' }, ...others].slice(
            0,
            shared.offsets.length > 1 ? 900 : undefined,
          ),
        }),
      );
      const section = readDof(bytes).sections[1]!;
      for (let at = section.offset + 48; at < section.offset + section.size; at += 48) {
        bytes.copyWithin(at + 16, section.offset + 16, section.offset + 36);
      }
      assert.throws(() => readDof(bytes), { code: 'SONDE_DOF', message: /read too often/ });
      readEverything(bytes);
    }
  });

  const extremes = [
    0n,
    1n,
    0x7fn,
    0xffn,
    0xffffn,
    0x7fffffffn,
    0x80000000n,
    0xffffffffn,
    1n << 32n,
    1n << 53n,
    1n << 63n,
    (1n << 64n) - 1n,
  ];
});

/**
 * Reads in both ways, inside of other memory: twice, with other bytes around. Anything but a `DofError` is a fault, and
 * so is a result that depends on what is not DOF, or that is larger than DOF can justify.
 */
function readEverything(bytes: Uint8Array, hint = ''): void {
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
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}
