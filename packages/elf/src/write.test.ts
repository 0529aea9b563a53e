import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { ByteWriter } from './bytes.js';
import {
  definitionKey,
  ElfError,
  isIntact,
  type ProbeObjectDefinition,
  parseOperands,
  readBuildId,
  readElf,
  readNotes,
  stubsOf,
  writeProbeObject,
} from './index.js';
import { definitions, example, types } from './test-definitions.js';

/** Keys and build-ids of FORMAT 3. */
const PINNED = [
  'de189e51f562ea8beebb53339746610c2407ce67 d1b39b08a0ab73dd66ddb6fd751999760826f623',
  '464af3223b36b02e3f483e08c3883be2d1f0e151 0ab751e0766c5a206d08fdcf2d2aeaa5df2841df',
];

describe('writeProbeObject', () => {
  it('writes what the reader finds again, for any definition', () => {
    fc.assert(
      fc.property(definitions, (definition) => {
        const object = writeProbeObject(definition);
        const elf = readElf(object.bytes);
        assert.equal(elf.machine, definition.architecture === 'x64' ? 62 : 183);
        assert.equal(readBuildId(elf), object.buildId);

        const text = elf.section('.text')!;
        assert.deepEqual(object.text, { fileOffset: text.offset, address: Number(text.address), size: text.size });
        const stubs = stubsOf(definition);
        assert.equal(object.text.size, stubs.size);
        const wanted = definition.probes.map((probe) => probe.symbol);
        for (const table of ['symtab', 'dynsym'] as const) {
          assert.deepEqual(
            elf.symbols(table).map((symbol) => symbol.name),
            wanted,
          );
        }
        for (const [index, symbol] of elf.symbols().entries()) {
          const offset = index * stubs.distance;
          assert.equal(Number(symbol.address), object.text.address + offset);
          assert.equal(elf.fileOffset(symbol.address), object.text.fileOffset + offset);
          assert.equal(object.bytes[object.text.fileOffset + offset], stubs.untraced);
          assert.deepEqual([symbol.type, symbol.binding, symbol.section], [2, 1, text.index]);
        }

        const notes = readNotes(elf);
        assert.equal(notes.length, definition.notes ? wanted.length : 0);
        for (const [index, note] of notes.entries()) {
          const probe = definition.probes[index]!;
          assert.equal(note.provider, definition.provider);
          assert.equal(note.name, probe.name);
          assert.equal(note.semaphore, 0n);
          assert.equal(note.address, note.location);
          assert.equal(note.fileOffset, object.text.fileOffset + index * stubs.distance);
          assert.equal(parseOperands(note.arguments).length, probe.arguments.length);
        }
      }),
      { numRuns: 200 },
    );
  });

  const [first, ...others] = example().probes;
  const variants: ProbeObjectDefinition[] = [
    example(),
    example({ provider: 'smtq' }),
    example({ architecture: 'arm64' }),
    example({ nop: 1 }),
    example({ nop: 10 }),
    example({ notes: false }),
    example({ probes: [] }),
    example({ probes: [...others, first!] }),
    example({ probes: [{ ...first!, name: 'session__stars' }, ...others] }),
    example({ probes: [{ ...first!, symbol: 'smtp_session__stars' }, ...others] }),
    example({ probes: [{ ...first!, arguments: [first!.arguments[0]!] }, ...others] }),
    example({
      probes: [{ ...first!, arguments: [first!.arguments[0]!, { name: 'port', type: 'uint32' }] }, ...others],
    }),
  ];

  it('gives the same bytes for the same definition, and another build-id for any other', () => {
    const seen = new Map<string, Uint8Array>();
    for (const variant of variants) {
      const { buildId, bytes } = writeProbeObject(variant);
      assert.match(buildId, /^[0-9a-f]{40}$/);
      assert.ok(!seen.has(buildId), 'two definitions, one build-id');
      seen.set(buildId, bytes);
    }
    for (const variant of variants) {
      const { buildId, bytes } = writeProbeObject(structuredClone(variant));
      assert.deepEqual(bytes, seen.get(buildId));
    }
  });

  it('has a key for each definition', () => {
    const keys = variants.map(definitionKey);
    for (const key of keys) assert.match(key, /^[0-9a-f]{40}$/);
    assert.equal(new Set(keys).size, variants.length);
    assert.deepEqual(structuredClone(variants).map(definitionKey), keys);
  });

  it('gives other bytes only with another FORMAT: else two versions of sonde would share a file', () => {
    // When this fails, increase FORMAT in write.ts, and take over the new values.
    const mixed = example({ probes: [...example().probes, { name: 'one', symbol: 'one', arguments: [] }] });
    const ids = [mixed, { ...mixed, architecture: 'arm64' as const, notes: false }].map(
      (definition) => `${definitionKey(definition)} ${writeProbeObject(definition).buildId}`,
    );
    assert.deepEqual(ids, PINNED);
  });

  it('tells a whole object from one with any bit changed, or cut off, or extended', () => {
    const { bytes } = writeProbeObject(example());
    const check = (content: Uint8Array) => {
      const memory = new Uint8Array((content.length + 3) & -4);
      memory.set(content);
      return isIntact(memory.buffer, content.length);
    };
    assert.ok(check(bytes));
    fc.assert(fc.property(definitions, (definition) => check(writeProbeObject(definition).bytes)));
    for (let size = 0; size < bytes.length; size += size < 600 ? 1 : 97) assert.ok(!check(bytes.subarray(0, size)));
    assert.ok(!check(Uint8Array.of(...bytes, 0)));
    assert.ok(!check(Uint8Array.of(...bytes, 1, 2, 3, 4)));
    const { segments } = readElf(bytes);
    const [read, code, data] = segments.filter((segment) => segment.type === 1);
    const loaded = [
      [0, read!.offset + read!.fileSize],
      [code!.offset, code!.offset + code!.fileSize],
      [data!.offset, bytes.length],
    ] as const;
    for (const [start, end] of loaded) {
      for (let at = start; at < end; at++) {
        const damaged = bytes.slice();
        damaged[at]! ^= 1 << (at % 8);
        assert.ok(!check(damaged), `byte ${at} was changed`);
      }
    }
  });

  it('makes a build-id that depends on every bit of the content', () => {
    const ids = new Set<string>();
    const names = Array.from({ length: 4096 }, (_, i) => `p${i.toString(2).replaceAll('0', 'a').replaceAll('1', 'b')}`);
    for (const name of names) {
      ids.add(writeProbeObject(example({ probes: [{ name, symbol: 'symbol', arguments: [] }] })).buildId);
    }
    assert.equal(ids.size, names.length);
    // Each of the five words by itself tells them apart, but for what chance allows.
    for (let word = 0; word < 5; word++) {
      const words = new Set([...ids].map((id) => id.slice(8 * word, 8 * word + 8)));
      assert.ok(words.size >= names.length - 2, `word ${word} of the build-id repeats itself`);
    }
  });

  const codes = {
    'x64 1': '90 c3',
    'x64 5': '0f 1f 44 00 00 c3',
    'x64 10': '66 2e 0f 1f 84 00 00 00 00 00 c3',
    'arm64 1': '1f 20 03 d5 c0 03 5f d6',
    'arm64 5': '1f 20 03 d5 c0 03 5f d6',
    'arm64 10': '1f 20 03 d5 c0 03 5f d6',
  };
  for (const [what, code] of Object.entries(codes)) {
    it(`writes stubs of nop and ret, 16 bytes apart (${what})`, () => {
      const [architecture, nop] = what.split(' ') as ['x64' | 'arm64', string];
      const definition = example({ architecture, nop: Number(nop) as 1 | 5 | 10 });
      const { bytes, text } = writeProbeObject(definition);
      const hex = code.split(' ').map((byte) => Number.parseInt(byte, 16));
      const filler = architecture === 'x64' ? 0xcc : 0;
      const expected = [...hex, ...new Array(16 - hex.length).fill(filler)];
      assert.equal(text.size, 48);
      assert.equal(text.address % 16, 0);
      assert.deepEqual(stubsOf(definition), { size: 48, distance: 16, untraced: hex[0] });
      for (const offset of [0, 16, 32]) {
        const start = text.fileOffset + offset;
        assert.deepEqual([...bytes.subarray(start, start + 16)], expected);
      }
    });
  }

  it('says in the notes where arguments are: x64', () => {
    assert.deepEqual(
      readNotes(writeProbeObject(example()).bytes).map((note) => note.arguments),
      [
        '8@%rdi -4@%esi',
        '',
        '-4@%edi -4@%esi -4@%edx -8@%rcx 4@%r8d 4@%r9d 4@8(%rsp) 8@16(%rsp) 4@24(%rsp) 8@32(%rsp) 8@40(%rsp) -4@48(%rsp)',
      ],
    );
    const reversed = [...example().probes[2]!.arguments].reverse().slice(1);
    const probes = [{ name: 'reversed', symbol: 'reversed', arguments: reversed }];
    assert.equal(
      readNotes(writeProbeObject(example({ probes })).bytes)[0]!.arguments,
      '8@%rdi 8@%rsi 4@%edx 8@%rcx 4@%r8d 4@%r9d 4@8(%rsp) -8@16(%rsp) -4@24(%rsp) -4@32(%rsp) -4@40(%rsp)',
    );
  });

  it('says in the notes where arguments are: arm64', () => {
    assert.deepEqual(
      readNotes(writeProbeObject(example({ architecture: 'arm64' })).bytes).map((note) => note.arguments),
      ['8@x0 -4@x1', '', '-4@x0 -4@x1 -4@x2 -8@x3 4@x4 4@x5 4@x6 8@x7 4@[sp] 8@[sp, 8] 8@[sp, 16] -4@[sp, 24]'],
    );
  });

  for (const architecture of ['x64', 'arm64'] as const) {
    it(`keeps code, data and the rest in pages of their own (${architecture})`, () => {
      const { bytes } = writeProbeObject(example({ architecture }));
      const elf = readElf(bytes);
      const page = architecture === 'x64' ? 0x1000 : 0x10000;
      const loaded = elf.segments.filter((segment) => segment.type === 1);
      assert.deepEqual(
        loaded.map((segment) => segment.flags),
        [4, 5, 6],
      );
      let end = -1n;
      for (const { address, memorySize, offset, alignment } of loaded) {
        assert.equal(alignment, BigInt(page));
        assert.equal(offset % page, Number(address) % page);
        assert.ok(address / alignment > end / alignment || end < 0n);
        end = address + memorySize - 1n;
      }
      // What perf takes for the distance between the two must be it.
      const base = elf.section('.stapsdt.base')!;
      const text = elf.section('.text')!;
      assert.equal(Number(base.address - text.address), base.offset - text.offset);
      assert.ok(elf.segments.some((segment) => segment.type === 0x6474e551 && (segment.flags & 1) === 0));
    });
  }

  it('grows while it writes', () => {
    const out = new ByteWriter(1);
    const expected: number[] = [];
    for (let i = 1; i <= 50; i++) {
      out.words(new Array(i).fill(i));
      for (let j = 0; j < i; j++) expected.push(i, 0, 0, 0);
      out.u8(i);
      out.text('text');
      expected.push(i, 0x74, 0x65, 0x78, 0x74);
      out.copy(Uint8Array.of(1, 2));
      out.repeat(out.length - 2, 2);
      expected.push(1, 2, 1, 2);
      out.align(8);
      while (expected.length % 8 !== 0) expected.push(0);
    }
    assert.deepEqual([...new Uint8Array(out.memory, 0, out.length)], expected);
  });

  it('writes thousands of probes', () => {
    const probes = Array.from({ length: 5000 }, (_, i) => ({
      name: `probe${i}`,
      symbol: `many_probe${i}`,
      arguments: example().probes[i % 3]!.arguments,
    }));
    const { bytes } = writeProbeObject(example({ probes }));
    assert.equal(readNotes(bytes).length, 5000);
    assert.equal(readElf(bytes).symbols('dynsym').length, 5000);
  });

  it('writes the longest names and the most arguments', () => {
    const long = (length: number, index: number) => `${'x'.repeat(length - 4)}${String(index).padStart(4, '_')}`;
    const probes = Array.from({ length: 40 }, (_, i) => ({
      name: long(255, i),
      symbol: long(255, i),
      arguments: Array.from({ length: 12 }, (_, j) => ({
        name: `y${long(254, j)}`,
        type: types[(i + j) % types.length]!,
      })),
    }));
    const definition = example({ provider: 'p'.repeat(255), probes });
    const { bytes } = writeProbeObject(definition);
    assert.deepEqual(
      readNotes(bytes).map((note) => note.name),
      probes.map((probe) => probe.name),
    );
    assert.deepEqual(
      readElf(bytes)
        .symbols('symtab')
        .map((symbol) => symbol.name),
      probes.map((probe) => probe.symbol),
    );
    const debugInfo = Buffer.from(readElf(bytes).data('.debug_info')).toString('latin1');
    for (let j = 0; j < 12; j++) assert.equal(debugInfo.split(`y${long(254, j)}\0`).length, 41);
  });

  it('writes an object without probes that can still be loaded: no segment is empty', () => {
    const { bytes } = writeProbeObject(example({ probes: [] }));
    for (const segment of readElf(bytes).segments) if (segment.type === 1) assert.ok(segment.fileSize > 0);
  });

  const probe = { name: 'a', symbol: 'a', arguments: [] };
  const wrong: [string, object, RegExp][] = [
    ['an empty provider', { provider: '' }, /^provider: "" has 0 characters; 1 to 255/],
    ['a long provider', { provider: 'x'.repeat(256) }, /^provider: "x+…" has 256 characters; 1 to 255/],
    ['a dash', { provider: 'a-b' }, /^provider: "a-b" is not a C identifier/],
    ['a digit first', { provider: '1a' }, /^provider: "1a" is not a C identifier/],
    ['a line feed last', { provider: 'a\n' }, /^provider: "a\\n" is not a C identifier/],
    ['no provider', { provider: undefined }, /^provider: undefined is not a string/],
    ['another architecture', { architecture: 'ia32' }, /^architecture: "ia32" is neither/],
    ['another nop', { nop: 4 }, /^nop: 4 is not 1, 5 or 10/],
    ['a word for notes', { notes: 'yes' }, /^notes: "yes" is neither true nor false/],
    ['no probes', { probes: undefined }, /^probes: undefined is not an array/],
    ['a probe that is none', { probes: [null] }, /^probes\[0\]: null is not an object/],
    ['a long name', { probes: [{ ...probe, name: 'x'.repeat(256) }] }, /^probe name: .* has 256 characters; 1 to 255/],
    ['a letter that is not ASCII', { probes: [{ ...probe, name: 'é' }] }, /^probe name: "é" is not a C identifier/],
    ['a symbol with a space', { probes: [{ ...probe, symbol: 'a b' }] }, /^symbol: "a b" is not a C identifier/],
    ['a name twice', { probes: [probe, { ...probe, symbol: 'b' }] }, /^probe name: "a" is used twice/],
    ['a symbol twice', { probes: [probe, { ...probe, name: 'b' }] }, /^symbol: "a" is used twice/],
    ['no arguments', { probes: [{ name: 'a', symbol: 'a' }] }, /^arguments of a: undefined is not an array/],
    [
      'an argument that is none',
      { probes: [{ ...probe, arguments: [7] }] },
      /^arguments\[0\] of a: 7 is not an object/,
    ],
    [
      'a bad argument name',
      { probes: [{ ...probe, arguments: [{ name: '', type: 'int8' }] }] },
      /^argument name in a: "" has 0 characters/,
    ],
    [
      'an argument name twice',
      {
        probes: [
          {
            ...probe,
            arguments: [
              { name: 'b', type: 'int8' },
              { name: 'b', type: 'int8' },
            ],
          },
        ],
      },
      /^argument name in a: "b" is used twice/,
    ],
    [
      'an unknown type',
      { probes: [{ ...probe, arguments: [{ name: 'b', type: 'float' }] }] },
      /^type of a\.b: "float" is none of int8, /,
    ],
    [
      'a type that every object has',
      { probes: [{ ...probe, arguments: [{ name: 'b', type: 'toString' }] }] },
      /^type of a\.b: "toString" is none of int8, /,
    ],
  ];
  for (const [what, changes, message] of wrong) {
    it(`refuses ${what}`, () => {
      const definition = { ...example(), ...changes } as ProbeObjectDefinition;
      assert.throws(
        () => writeProbeObject(definition),
        (error) => error instanceof ElfError && error.code === 'SONDE_ELF' && message.test(error.message),
      );
    });
  }

  it('refuses what is no definition', () => {
    for (const nothing of [undefined, null, 'smtp', 7]) {
      assert.throws(() => writeProbeObject(nothing as unknown as ProbeObjectDefinition), {
        code: 'SONDE_ELF',
        message: /^definition: .* is not an object$/,
      });
    }
  });
});
