import assert from 'node:assert/strict';
import { readDof, writeDof } from './index.js';
import { example } from './test-definitions.js';
import { generator, mutations, originals, readEverything } from './test-mutations.js';

/**
 * DOF that is broken by accident or on purpose: a `DofError` or a result inside the bounds, in work
 * that is proportional to its size.
 */
describe('hostile DOF', () => {
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
    const mutated = mutations(seed);
    for (let round = 0; round < 10_000; round++) readEverything(mutated(), `seed ${seed}`);
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
