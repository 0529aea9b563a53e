import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  type DofDefinition,
  DofError,
  defaultAttributes,
  type ProbeDefinition,
  readDof,
  validate,
  writeDof,
} from './index.js';
import { definitions, example, probe } from './test-definitions.js';

/**
 * The example, worked out by hand from the structures in sys/dtrace.h: dof_hdr_t, dof_sec_t,
 * dof_probe_t, dof_provider_t.
 */
const golden = `
  7f 44 4f 46  02 01 02 02  08 08 00 00  00 00 00 00   magic; LP64, LSB, version 2, DIF 2; 8 and 8 registers
  00 00 00 00  40 00 00 00  20 00 00 00  06 00 00 00   flags; header of 64, section headers of 32; 6 sections
  40 00 00 00  00 00 00 00  a0 01 00 00  00 00 00 00   section headers at 64; 416 bytes loaded
  a0 01 00 00  00 00 00 00  00 00 00 00  00 00 00 00   416 bytes; padding

  08 00 00 00  01 00 00 00  01 00 00 00  00 00 00 00   0: STRTAB, aligned to 1, LOAD
  00 01 00 00  00 00 00 00  34 00 00 00  00 00 00 00      at 256, 52 bytes
  10 00 00 00  08 00 00 00  01 00 00 00  30 00 00 00   1: PROBES, aligned to 8, LOAD, entries of 48
  38 01 00 00  00 00 00 00  30 00 00 00  00 00 00 00      at 312, 48 bytes
  11 00 00 00  01 00 00 00  01 00 00 00  01 00 00 00   2: PRARGS, aligned to 1, LOAD, entries of 1
  68 01 00 00  00 00 00 00  02 00 00 00  00 00 00 00      at 360, 2 bytes
  12 00 00 00  04 00 00 00  01 00 00 00  04 00 00 00   3: PROFFS, aligned to 4, LOAD, entries of 4
  6c 01 00 00  00 00 00 00  04 00 00 00  00 00 00 00      at 364, 4 bytes
  1a 00 00 00  04 00 00 00  01 00 00 00  04 00 00 00   4: PRENOFFS, aligned to 4, LOAD, entries of 4
  70 01 00 00  00 00 00 00  04 00 00 00  00 00 00 00      at 368, 4 bytes
  0f 00 00 00  04 00 00 00  01 00 00 00  00 00 00 00   5: PROVIDER, aligned to 4, LOAD
  74 01 00 00  00 00 00 00  2c 00 00 00  00 00 00 00      at 372, 44 bytes

  00                                                   256: the empty string
  73 6d 74 70 00                                       +1: smtp
  6f 6e 53 65 73 73 69 6f 6e 00                        +6: onSession
  73 65 73 73 69 6f 6e 2d 73 74 61 72 74 00            +16: session-start
  63 68 61 72 20 2a 00 69 6e 74 00                     +30: char *, int
  69 6e 74 00 63 68 61 72 20 2a 00                     +41: int, char *
  00 00 00 00                                          to a multiple of 8

  00 10 40 00  00 00 00 00  06 00 00 00  10 00 00 00   312: address 0x401000; function, name
  1e 00 00 00  29 00 00 00  00 00 00 00  00 00 00 00      native types, translated types; map, offset
  02 02 01 00  00 00 00 00  01 00 00 00  00 00 00 00      2 arguments, 2 translated, 1 offset; is-enabled, 1 of it

  01 00                                                360: the map
  00 00                                                to a multiple of 4
  04 00 00 00                                          364: offset
  10 00 00 00                                          368: is-enabled offset
  00 00 00 00  01 00 00 00  02 00 00 00  03 00 00 00   372: STRTAB, PROBES, PRARGS, PROFFS
  01 00 00 00                                             the name
  00 05 05 05  00 05 01 01  00 05 01 01                   provider: common, evolving; module, function: private
  00 05 05 05  00 05 05 05                                name, arguments
  04 00 00 00                                             PRENOFFS
`;

describe('writeDof', () => {
  it('writes what was worked out by hand', () => {
    const expected = golden
      .split('\n')
      .map((line) => /^ *((?:[0-9a-f]{2} +)*[0-9a-f]{2})(?: {3}.*)?$/.exec(line)?.[1]?.replaceAll(' ', '') ?? '')
      .join('');
    const { bytes } = writeDof(example());
    assert.equal(Buffer.from(bytes).toString('hex'), expected);
    assert.equal(bytes.length, 416);
    assert.deepEqual(validate(bytes), []);
  });

  it('writes what the reader finds again and every loader takes, for any definition', () => {
    fc.assert(
      fc.property(definitions, (definition) => {
        const { bytes } = writeDof(definition);
        const { version = 2, byteOrder = 'little', provider } = definition;
        const dof = readDof(bytes);
        assert.equal(dof.version, version);
        assert.equal(dof.byteOrder, byteOrder);
        assert.equal(dof.size, bytes.length);
        assert.deepEqual(dof.providers, [
          {
            provider,
            attributes: { ...defaultAttributes, ...definition.attributes },
            probes: definition.probes.map(complete),
          },
        ]);
        assert.deepEqual(validate(bytes, { byteOrder }), []);
        for (const system of ['illumos', 'freebsd', 'macos', 'linux'] as const) {
          const takes = system === 'linux' || (system === 'macos') === (version === 3);
          assert.deepEqual(
            validate(bytes, { byteOrder, system }).map(({ rule }) => rule),
            takes ? [] : ['accepted-version'],
          );
        }
        // What was read can be written.
        const again = writeDof({ version, byteOrder, ...dof.providers[0]! }).bytes;
        assert.deepEqual(readDof(again).providers, dof.providers);
      }),
      { numRuns: 300 },
    );
  });

  it('writes the same numbers in the other byte order', () => {
    const little = writeDof(example()).bytes;
    const big = writeDof(example({ byteOrder: 'big' })).bytes;
    const swapped = Buffer.from(little);
    swapped[5] = 2;
    const swap = (at: number, width: 2 | 4 | 8) => swapped.subarray(at, at + width).reverse();
    for (const at of [16, 20, 24, 28]) swap(at, 4);
    for (const at of [32, 40, 48, 56]) swap(at, 8);
    for (let header = 64; header < 256; header += 32) {
      for (const at of [0, 4, 8, 12]) swap(header + at, 4);
      for (const at of [16, 24]) swap(header + at, 8);
    }
    swap(312, 8);
    for (const at of [320, 324, 328, 332, 336, 340, 348]) swap(at, 4);
    for (const at of [346, 352]) swap(at, 2);
    for (let at = 364; at < 416; at += 4) swap(at, 4);
    assert.deepEqual(Buffer.from(big), swapped);
    assert.deepEqual(readDof(big).providers, readDof(little).providers);
  });

  it('tells where addresses are, and that nothing else depends on them', () => {
    for (const byteOrder of ['little', 'big'] as const) {
      const at = (address: bigint) =>
        example({ byteOrder, probes: [probe, { ...probe, name: 'session-end', address }, { ...probe, name: 'idle' }] });
      const { bytes, addresses } = writeDof(at(0n));
      assert.equal(addresses.length, 3);
      new DataView(bytes.buffer).setBigUint64(addresses[1]!, 0x1122334455667788n, byteOrder === 'little');
      assert.deepEqual(bytes, writeDof(at(0x1122334455667788n)).bytes);
    }
  });

  it('tells where the first offset of each probe is', () => {
    for (const byteOrder of ['little', 'big'] as const) {
      const at = (first: number) => {
        const others = { ...probe, name: 'session-end', offsets: [first, 48, 52] };
        return example({ byteOrder, version: 3, probes: [probe, others, { ...probe, name: 'idle' }] });
      };
      const { bytes, offsets } = writeDof(at(0));
      assert.equal(offsets.length, 3);
      new DataView(bytes.buffer).setInt32(offsets[1]!, -7, byteOrder === 'little');
      assert.deepEqual(bytes, writeDof(at(-7)).bytes);
    }
  });

  it('gives the same bytes for the same definition', () => {
    assert.deepEqual(writeDof(example()).bytes, writeDof(structuredClone(example())).bytes);
  });

  it('aligns each section as it says, in either byte order and every version', () => {
    for (const version of [1, 2, 3] as const) {
      for (const byteOrder of ['little', 'big'] as const) {
        const { isEnabledOffsets, ...plain } = probe;
        const probes = [version === 1 ? plain : { ...plain, isEnabledOffsets: isEnabledOffsets! }];
        const { sections } = readDof(writeDof(example({ version, byteOrder, probes })).bytes);
        assert.deepEqual(
          sections.map((section) => section.type),
          version === 1 ? [8, 16, 17, 18, 15] : [8, 16, 17, 18, 26, 15],
        );
        for (const section of sections) assert.equal(section.offset % section.alignment, 0);
        assert.equal(sections.at(-1)!.size, version === 1 ? 40 : 44);
      }
    }
  });

  it('has no section PRENOFFS when nothing asks', () => {
    const { isEnabledOffsets: _, ...plain } = probe;
    for (const probes of [[plain], [{ ...plain, isEnabledOffsets: [] }]]) {
      const { bytes } = writeDof(example({ probes }));
      assert.equal(readDof(bytes).sections.length, 5);
      assert.equal(new DataView(bytes.buffer).getUint32(bytes.length - 4, true), 0);
    }
  });

  it('takes the native types where nothing else is told, without writing them again', () => {
    const { translatedArguments: _, argumentMap: __, ...plain } = probe;
    const [found] = readDof(writeDof(example({ probes: [plain] })).bytes).providers[0]!.probes;
    assert.deepEqual(found!.translatedArguments, ['char *', 'int']);
    assert.deepEqual(found!.argumentMap, [0, 1]);
    assert.ok(writeDof(example({ probes: [plain] })).bytes.length <= writeDof(example()).bytes.length - 8);

    const [mapped] = readDof(writeDof(example({ probes: [{ ...plain, argumentMap: [1, 1, 0] }] })).bytes).providers[0]!
      .probes;
    assert.deepEqual(mapped!.translatedArguments, ['int', 'int', 'char *']);
  });

  it('lets the map point at any slot that has a type', () => {
    const nativeArguments = Array.from({ length: 255 }, () => 'long');
    const probes = [{ name: 'far', function: 'f', address: 0, offsets: [0], nativeArguments, argumentMap: [254, 17] }];
    const { bytes } = writeDof(example({ probes }));
    assert.deepEqual(validate(bytes), []);
    assert.deepEqual(readDof(bytes).providers[0]!.probes[0]!.argumentMap, [254, 17]);
  });

  it('takes as much as there can be, and no more', () => {
    const many = (count: number, version: 2 | 3): DofDefinition =>
      example({
        version,
        probes: Array.from({ length: count }, (_, i) => ({
          name: `n${String(i).padStart(5, '0')}`,
          function: 'f'.repeat(50),
          address: i,
          offsets: [i],
          nativeArguments: [],
        })),
      });
    const each = 51 + 7 + 48 + 4; // strings, probe, offset
    for (const [version, limit] of [
      [2, 8 * 1024 * 1024],
      [3, 512 * 1024],
    ] as const) {
      const most = Math.floor((limit - 1 - 64 - 5 * 32 - 44 - 6 - 11) / each);
      const { bytes } = writeDof(many(most, version));
      assert.deepEqual(validate(bytes), []);
      assert.throws(() => writeDof(many(most + 1, version)), {
        code: 'SONDE_DOF',
        message: new RegExp(`fewer than ${limit}`),
      });
    }

    const offsets = Array.from({ length: 0xffff }, (_, i) => i);
    const whole = example({ probes: [{ ...probe, offsets: offsets.slice(0, 65_000) }] });
    assert.deepEqual(validate(writeDof(whole).bytes), []);
    assert.equal(readDof(writeDof(whole).bytes).providers[0]!.probes[0]!.offsets.length, 65_000);
  });

  const { isEnabledOffsets: _, ...withoutIsEnabled } = probe;
  const wrong: [what: string, definition: unknown, message: RegExp][] = [
    ['nothing', undefined, /definition: undefined is not an object/],
    ['a version', example({ version: 4 as never }), /version: 4 is not 1, 2 or 3/],
    ['a byte order', example({ byteOrder: 'middle' as never }), /byteOrder: "middle"/],
    ['no provider', example({ provider: '' }), /provider: "" has 0 characters; 1 to 53/],
    ['a long provider', example({ provider: 'p'.repeat(54) }), /has 54 characters/],
    ['a provider with a space', example({ provider: 'a b' }), /provider: "a b" is not made of/],
    ['a provider that begins with a digit', example({ provider: '1a' }), /provider: "1a" is not made of/],
    ['a provider that is a directory', example({ provider: '..' }), /provider: ".." is not made of/],
    ["one of DTrace's own providers", example({ provider: 'pid' }), /provider: "pid" is DTrace's own/],
    ['attributes', example({ attributes: 7 as never }), /attributes: 7 is not an object/],
    ['attributes of a part', example({ attributes: { args: 7 as never } }), /attributes.args: 7 is not an object/],
    [
      'a stability',
      example({ attributes: { args: { ...defaultAttributes.args, data: 'rock' as never } } }),
      /attributes.args.data: "rock" is none of internal, /,
    ],
    [
      'a class',
      example({ attributes: { name: { ...defaultAttributes.name, class: 'upper' as never } } }),
      /attributes.name.class: "upper" is none of unknown, /,
    ],
    ['probes', example({ probes: 7 as never }), /probes: 7 is not an array/],
    ['no probes', example({ probes: [] }), /probes: there is none/],
    ['a probe', example({ probes: [null as never] }), /probes\[0\]: null is not an object/],
    ['two probes that are the same', example({ probes: [probe, probe] }), /"session-start" is used twice in function/],
    ['no name', changed({ name: '' }), /probe name: "" has 0 characters/],
    ['a long name', changed({ name: 'n'.repeat(64) }), /has 64 characters; 1 to 63/],
    ['a name with a colon', changed({ name: 'a:b' }), /probe name: "a:b" is not made of/],
    ['a name that is not ASCII', changed({ name: 'ü' }), /probe name: "ü" is not made of/],
    ['a long function', changed({ function: 'f'.repeat(128) }), /has 128 characters; 1 to 127/],
    ['a function with a slash', changed({ function: 'a/b' }), /function of session-start: "a\/b" is not made of/],
    ['an address', changed({ address: -1 }), /address of session-start: -1 is not an integer/],
    ['an inexact address', changed({ address: 2 ** 53 }), /address of session-start: 9007199254740992 is not/],
    ['a large address', changed({ address: 1n << 64n }), /an integer of more than 64 bits is not/],
    ['offsets', changed({ offsets: 'x' as never }), /offsets of session-start: "x" is not an array/],
    ['an offset', changed({ offsets: [0.5] }), /offsets of session-start: 0.5 is not an integer from 0 to 2\^32 - 1/],
    ['a negative offset', changed({ offsets: [-1] }), /-1 is not an integer from 0/],
    ['a large offset', changed({ offsets: [2 ** 31] }, 3), /2147483648 is not an integer from -2\^31/],
    ['an offset twice', changed({ offsets: [4, 8, 4] }), /two are the same/],
    ['offsets far apart', changed({ offsets: [0, 2 ** 31] }), /2\^31 or more apart/],
    [
      'too many offsets',
      changed({ offsets: Array.from({ length: 65_536 }, (_, i) => i) }),
      /65536 are more than 65535/,
    ],
    ['no tracepoint', changed({ offsets: [], isEnabledOffsets: [] }), /there is none; loaders refuse a probe/],
    ['is-enabled in version 1', changed({}, 1), /version 1 has none/],
    ['types', changed({ nativeArguments: undefined as never }), /nativeArguments of session-start: undefined is not/],
    ['too many types', changed({ nativeArguments: Array(256).fill('int') }), /256 are more than 255/],
    ['a type', changed({ nativeArguments: ['int\0', 'int'] }), /"int\\u0000" is not made of printable ASCII/],
    ['a long type', changed({ nativeArguments: ['t'.repeat(128)] }), /has 128 characters; 1 to 127/],
    ['a map', changed({ argumentMap: 'x' as never }), /argumentMap of session-start: "x" is not an array/],
    ['a map that points nowhere', changed({ argumentMap: [0, 2] }), /2 is not the index of one of 2/],
    ['a long map', changed({ argumentMap: Array(256).fill(0) }), /256 are more than 255/],
    ['another number of types than of map entries', changed({ argumentMap: [0] }), /there are 2, and the map has 1/],
  ];
  for (const [what, definition, message] of wrong) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => writeDof(definition as DofDefinition),
        (error) => error instanceof DofError && error.code === 'SONDE_DOF' && message.test(error.message),
      );
    });
  }

  it('allows a probe that only asks, from version 2 on', () => {
    for (const version of [2, 3] as const) {
      const definition = changed({ offsets: [] }, version);
      assert.deepEqual(validate(writeDof(definition).bytes), []);
    }
    assert.throws(() => writeDof(example({ version: 1, probes: [{ ...withoutIsEnabled, offsets: [] }] })), DofError);
  });

  function changed(changes: Partial<ProbeDefinition>, version: 1 | 2 | 3 = 2): DofDefinition {
    return example({ version, probes: [{ ...probe, ...changes }] });
  }
});

/** A probe with everything that it did not tell, as it is read. */
function complete(definition: ProbeDefinition) {
  const { nativeArguments } = definition;
  const argumentMap = definition.argumentMap ?? nativeArguments.map((_, i) => i);
  return {
    isEnabledOffsets: [],
    translatedArguments: argumentMap.map((index) => nativeArguments[index]),
    argumentMap,
    ...definition,
    address: BigInt(definition.address),
  };
}
