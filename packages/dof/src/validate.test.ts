import assert from 'node:assert/strict';
import {
  type DofDefinition,
  DofError,
  type RuleName,
  readDof,
  type ValidateOptions,
  validate,
  writeDof,
} from './index.js';
import { rules } from './rules.js';
import { example, probe } from './test-definitions.js';

interface Breach {
  /** The example unless told. */
  definition?: DofDefinition;
  options?: ValidateOptions;
  /** Breaks it. Bytes that are returned take the place of these. */
  breaks(bytes: Uint8Array<ArrayBuffer>, dof: Places): unknown;
}

/** DOF to be patched: numbers are little-endian, 32 bits. */
interface Places {
  get(at: number): number;
  set(at: number, value: number): void;
  /** Where the fields of something begin. */
  header(section: number): number;
  probe(index: number): number;
  provider: number;
  strtab: number;
}

const long = 'x'.repeat(100);
const two: DofDefinition = example({
  probes: [
    { ...probe, offsets: [4, 8], isEnabledOffsets: [16, 20] },
    { ...probe, name: 'session-end' },
  ],
});
const texts: DofDefinition = example({
  probes: [
    {
      name: 'a'.repeat(60),
      function: long,
      address: 0,
      offsets: [0],
      nativeArguments: [long, long],
      translatedArguments: [long, long],
    },
  ],
});

const breaches: Record<RuleName, Breach[]> = {
  header: [{ breaks: (bytes) => bytes.subarray(0, 63) }, { breaks: () => new Uint8Array(0) }],
  magic: [
    {
      breaks: (bytes) => {
        bytes[3] = 0x47;
      },
    },
  ],
  'load-size': [
    { breaks: (_, dof) => dof.set(40, 63) },
    { breaks: (bytes, dof) => dof.set(40, bytes.length + 1) },
    { breaks: (_, dof) => dof.set(44, 0xffffffff) },
  ],
  'load-size-limit': [
    {
      breaks: (bytes, dof) => {
        dof.set(40, 8_388_608);
        const larger = new Uint8Array(8_388_608);
        larger.set(bytes);
        return larger;
      },
    },
  ],
  'load-size-limit-macos': [
    {
      definition: example({ version: 3 }),
      breaks: (bytes, dof) => {
        dof.set(40, 524_288);
        const larger = new Uint8Array(524_288);
        larger.set(bytes);
        return larger;
      },
    },
  ],
  model: [{ breaks: (bytes) => byte(bytes, 4, 1) }, { breaks: (bytes) => byte(bytes, 4, 3) }],
  encoding: [{ breaks: (bytes) => byte(bytes, 5, 0) }, { breaks: (bytes) => byte(bytes, 5, 3) }],
  'native-encoding': [
    { definition: example({ byteOrder: 'big' }), breaks: () => {} },
    { options: { byteOrder: 'big' }, breaks: () => {} },
  ],
  version: [{ breaks: (bytes) => byte(bytes, 6, 0) }, { breaks: (bytes) => byte(bytes, 6, 4) }],
  'accepted-version': [
    { options: { system: 'macos' }, breaks: () => {} },
    { definition: example({ version: 3 }), options: { system: 'illumos' }, breaks: () => {} },
    { definition: example({ version: 3 }), options: { system: 'freebsd' }, breaks: () => {} },
  ],
  'dif-version': [{ breaks: (bytes) => byte(bytes, 7, 1) }],
  'integer-registers': [{ breaks: (bytes) => byte(bytes, 8, 9) }],
  'tuple-registers': [{ breaks: (bytes) => byte(bytes, 9, 9) }],
  'ident-padding': [{ breaks: (bytes) => byte(bytes, 10, 1) }, { breaks: (bytes) => byte(bytes, 15, 1) }],
  flags: [{ breaks: (_, dof) => dof.set(16, 1) }],
  'section-header-size': [{ breaks: (_, dof) => dof.set(24, 0) }, { breaks: (_, dof) => dof.set(24, 24) }],
  'section-header-exact': [{ breaks: (bytes) => moveHeaders(bytes, { stride: 40 }) }],
  'section-headers': [
    { breaks: (_, dof) => dof.set(28, 12) },
    { breaks: (_, dof) => dof.set(28, 0xffffffff) },
    { breaks: (_, dof) => dof.set(36, 1) },
  ],
  'section-headers-aligned': [{ breaks: (bytes) => moveHeaders(bytes, { shift: 4 }) }],
  'section-header-multiple': [
    { options: { system: 'illumos' }, breaks: (bytes) => moveHeaders(bytes, { stride: 36 }) },
  ],
  'load-flag': [{ breaks: (bytes) => moveHeaders(bytes, { more: [[9, 4, 0, 0]] }) }],
  'section-alignment': [{ breaks: (_, dof) => dof.set(dof.header(0) + 4, 3) }],
  'section-aligned': [
    { breaks: (_, dof) => dof.set(dof.header(0) + 4, 512) },
    { breaks: (_, dof) => dof.set(dof.header(0) + 4, 0) },
    { breaks: (_, dof) => dof.set(dof.header(3) + 4, 8) },
  ],
  'section-range': [
    { breaks: (bytes, dof) => dof.set(dof.header(0) + 16, bytes.length + 1) },
    { breaks: (_, dof) => dof.set(dof.header(1) + 24, 1_000) },
    { breaks: (_, dof) => dof.set(dof.header(2) + 28, 0xffffffff) },
  ],
  'string-table-end': [
    { breaks: (_, dof) => dof.set(dof.header(0) + 24, 51) },
    { breaks: (_, dof) => dof.set(dof.header(0) + 24, 0) },
  ],
  'provider-section': [{ breaks: (_, dof) => dof.set(dof.header(5), 1) }],
  'provider-aligned': [
    {
      breaks: (bytes, dof) => {
        const larger = new Uint8Array(bytes.length + 2);
        dof.set(dof.header(5) + 4, 1);
        dof.set(dof.header(5) + 16, dof.provider + 2);
        dof.set(40, larger.length);
        larger.set(bytes);
        larger.copyWithin(dof.provider + 2, dof.provider, bytes.length);
        return larger;
      },
    },
  ],
  'provider-size': [
    { breaks: (_, dof) => dof.set(dof.header(5) + 24, 43) },
    {
      definition: example({ version: 1, probes: [{ ...probe, isEnabledOffsets: [] }] }),
      breaks: (_, dof) => dof.set(dof.header(4) + 24, 39),
    },
  ],
  'section-reference': [
    { breaks: (_, dof) => dof.set(dof.provider, 6) },
    { breaks: (_, dof) => dof.set(dof.provider + 40, 0xffffffff) },
  ],
  // Elsewhere the flag is missed before.
  'section-loaded': [1, 5].map((section) => ({
    definition: example({ version: 3 }),
    breaks: (_, dof) => dof.set(dof.header(section) + 8, 0),
    options: { system: 'macos' },
  })),
  'section-type': [0, 4, 8, 12, 40].map((at) => ({ breaks: (_, dof) => dof.set(dof.provider + at, 5) })),
  'provider-name': [{ breaks: (_, dof) => dof.set(dof.provider + 16, 52) }],
  'provider-name-length': [{ definition: texts, breaks: (_, dof) => dof.set(dof.provider + 16, 6) }],
  'provider-name-pid': [
    { definition: texts, breaks: (_, dof) => dof.set(dof.provider + 16, dof.get(dof.probe(0) + 12)) },
  ],
  'provider-name-reserved': [
    { breaks: (bytes, dof) => text(bytes, dof.strtab + 1, 'pid\0') },
    { definition: example({ version: 3 }), breaks: (bytes, dof) => text(bytes, dof.strtab + 1, 'objc') },
    {
      definition: example({ version: 3, provider: 'oneshox' }),
      breaks: (bytes, dof) => text(bytes, dof.strtab + 1, 'oneshot'),
    },
  ],
  'provider-name-characters': [
    { breaks: (bytes, dof) => text(bytes, dof.strtab + 1, '1') },
    { breaks: (bytes, dof) => text(bytes, dof.strtab + 2, ' ') },
    { breaks: (bytes, dof) => text(bytes, dof.strtab + 2, '\x80') },
  ],
  attributes: [
    ...[0x08050500, 0x05080500, 0x05050600].flatMap((value) =>
      [20, 24, 28, 32, 36].map((at): Breach => ({ breaks: (_, dof) => dof.set(dof.provider + at, value) })),
    ),
  ],
  'probes-entry-size': [
    { breaks: (_, dof) => dof.set(dof.header(1) + 12, 40) },
    { breaks: (_, dof) => dof.set(dof.header(1) + 12, 56) },
    { breaks: (_, dof) => dof.set(dof.header(1) + 24, 0) },
  ],
  'probes-entry-multiple': [
    {
      breaks: (_, dof) => {
        dof.set(dof.header(1) + 12, 52);
        dof.set(dof.header(1) + 24, 52);
      },
    },
  ],
  'offsets-entry-size': [{ breaks: (_, dof) => dof.set(dof.header(3) + 12, 8) }],
  'offsets-aligned': [
    {
      breaks: (_, dof) => {
        dof.set(dof.header(3) + 4, 1);
        dof.set(dof.header(3) + 16, 366);
      },
    },
  ],
  'arguments-entry-size': [{ breaks: (_, dof) => dof.set(dof.header(2) + 12, 2) }],
  'is-enabled-entry-size': [{ breaks: (_, dof) => dof.set(dof.header(4) + 12, 0) }],
  function: [{ breaks: (_, dof) => dof.set(dof.probe(0) + 8, 52) }],
  'function-length': [
    { definition: texts, breaks: (bytes, dof) => byte(bytes, dof.strtab + dof.get(dof.probe(0) + 12) - 1, 0x61) },
  ],
  name: [{ breaks: (_, dof) => dof.set(dof.probe(0) + 12, 0xffffffff) }],
  'name-length': [{ definition: texts, breaks: (_, dof) => dof.set(dof.probe(0) + 12, dof.get(dof.probe(0) + 8)) }],
  'file-name': [
    { breaks: (bytes, dof) => text(bytes, dof.strtab + dof.get(dof.probe(0) + 12), '/') },
    { breaks: (bytes, dof) => text(bytes, dof.strtab + dof.get(dof.probe(0) + 12), '..\0') },
    { breaks: (bytes, dof) => text(bytes, dof.strtab + dof.get(dof.probe(0) + 8), 'a:') },
    { breaks: (_, dof) => dof.set(dof.probe(0) + 8, 0) },
    { breaks: (bytes, dof) => text(bytes, dof.strtab + 1, '.\0') },
  ],
  offsets: [
    { breaks: (_, dof) => dof.set(dof.probe(0) + 28, 1) },
    { breaks: (_, dof) => dof.set(dof.probe(0) + 28, 0xffffffff) },
    { breaks: (bytes, dof) => byte(bytes, dof.probe(0) + 35, 0xff) },
  ],
  'is-enabled-section': [{ breaks: (_, dof) => dof.set(dof.provider + 40, 0) }],
  'is-enabled-offsets': [
    { breaks: (_, dof) => dof.set(dof.probe(0) + 36, 1) },
    { breaks: (bytes, dof) => byte(bytes, dof.probe(0) + 41, 0xff) },
  ],
  tracepoints: [
    {
      breaks: (bytes, dof) => {
        byte(bytes, dof.probe(0) + 34, 0);
        byte(bytes, dof.probe(0) + 40, 0);
      },
    },
    {
      definition: example({ version: 1, probes: [{ ...probe, isEnabledOffsets: [] }] }),
      breaks: (bytes, dof) => byte(bytes, dof.probe(0) + 34, 0),
    },
  ],
  'argument-map-range': [
    { breaks: (_, dof) => dof.set(dof.probe(0) + 24, 1) },
    { breaks: (_, dof) => dof.set(dof.probe(0) + 24, 0xffffffff) },
  ],
  'native-type': [
    { breaks: (_, dof) => dof.set(dof.probe(0) + 16, 52) },
    { breaks: (_, dof) => dof.set(dof.probe(0) + 16, 45) },
  ],
  'native-type-length': [
    { definition: texts, breaks: (bytes, dof) => byte(bytes, dof.strtab + dof.get(dof.probe(0) + 16) + 100, 0x61) },
  ],
  'argument-map': [{ breaks: (bytes, dof) => byte(bytes, dof.get(dof.header(2) + 16), 2) }],
  'argument-map-kernel': [
    { options: { system: 'illumos' }, breaks: (bytes, dof) => byte(bytes, dof.get(dof.header(2) + 16), 3) },
  ],
  'translated-type': [
    { breaks: (_, dof) => dof.set(dof.probe(0) + 20, 52) },
    { breaks: (_, dof) => dof.set(dof.probe(0) + 20, 45) },
  ],
  'translated-type-length': [
    { definition: texts, breaks: (bytes, dof) => byte(bytes, dof.strtab + dof.get(dof.probe(0) + 20) + 100, 0x61) },
  ],
  'offsets-distinct': [
    { definition: two, breaks: (_, dof) => dof.set(dof.get(dof.header(3) + 16), 8) },
    { definition: two, breaks: (_, dof) => dof.set(dof.get(dof.header(3) + 16), 0x80000008) },
  ],
  'is-enabled-distinct': [{ definition: two, breaks: (_, dof) => dof.set(dof.get(dof.header(4) + 16), 20) }],
  'probe-distinct': [{ definition: two, breaks: (_, dof) => dof.set(dof.probe(1) + 12, dof.get(dof.probe(0) + 12)) }],
  'shared-too-often': [
    {
      // Many sections PROVIDER, all of them the same.
      breaks: (bytes, dof) => {
        const same = [0, 4, 8, 12, 16, 20, 24, 28].map((at) => dof.get(dof.header(5) + at));
        return moveHeaders(bytes, { more: Array.from({ length: 300 }, () => same) });
      },
      definition: example({
        probes: Array.from({ length: 300 }, (_, i) => ({
          name: `n${i}`,
          function: 'f',
          address: 0,
          offsets: [i],
          isEnabledOffsets: [i],
          nativeArguments: [],
        })),
      }),
    },
  ],
};

describe('validate', () => {
  for (const [rule, cases] of Object.entries(breaches) as [RuleName, Breach[]][]) {
    it(`tells that this is broken, and only this: ${rule}`, () => {
      for (const [index, { definition = example(), options = {}, breaks }] of cases.entries()) {
        const original = writeDof(definition).bytes;
        const result = breaks(original, places(original));
        const bytes = result instanceof Uint8Array ? result : original;
        const broken = validate(bytes, options);
        assert.deepEqual(
          broken.map((found) => found.rule),
          [rule],
          `case ${index}`,
        );
        const [{ offset, message, systems, loader }] = broken as [(typeof broken)[0]];
        assert.ok(offset >= 0 && offset <= bytes.length, `offset ${offset}`);
        assert.ok(message.endsWith(`, at byte ${offset}: ${rules[rule].demand}`), message);
        assert.notEqual(loader, '');
        if (options.system !== undefined) assert.ok(systems.includes(options.system));
        reads(bytes, broken[0]!.rule);
      }
    });
  }

  it('tells all that is broken', () => {
    const { bytes } = writeDof(example());
    bytes[7] = 1;
    bytes[8] = 9;
    bytes[10] = 1;
    assert.deepEqual(
      validate(bytes).map(({ rule }) => rule),
      ['dif-version', 'integer-registers', 'ident-padding'],
    );
  });

  it('tells only what the system asks for', () => {
    const { bytes } = writeDof(example());
    const dof = places(bytes);
    bytes.set(Buffer.from('a/b'), dof.strtab + dof.get(dof.probe(0) + 12));
    assert.deepEqual(
      (['linux', 'illumos', 'freebsd'] as const).map((system) => validate(bytes, { system }).length),
      [1, 0, 0],
    );
  });

  it('says why DOF of 32-bit programs cannot be read', () => {
    const { bytes } = writeDof(example());
    bytes[4] = 1;
    assert.throws(() => readDof(bytes), {
      code: 'SONDE_DOF',
      name: 'DofError',
      message: 'DOF of a 32-bit program (1, ILP32), at byte 4: only 64-bit DOF (2, LP64) can be read',
    });
  });

  it('refuses what is not bytes', () => {
    assert.throws(() => validate('DOF' as never), { code: 'SONDE_DOF', message: 'string is not a Uint8Array' });
    assert.throws(() => readDof(undefined as never), { code: 'SONDE_DOF', message: 'undefined is not a Uint8Array' });
  });
});

/** Reading either ends with the rule that validate told, or does not mind it. */
function reads(bytes: Uint8Array, rule: RuleName): void {
  try {
    readDof(bytes);
  } catch (error) {
    assert.ok(error instanceof DofError);
    assert.equal(error.broken?.rule, rule);
  }
}

function byte(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
}

function text(bytes: Uint8Array, at: number, value: string): void {
  bytes.set(Buffer.from(value, 'latin1'), at);
}

function places(bytes: Uint8Array<ArrayBuffer>): Places {
  const { sections, byteOrder } = readDof(bytes);
  const view = new DataView(bytes.buffer);
  const little = byteOrder === 'little';
  return {
    get: (at) => view.getUint32(at, little),
    set: (at, value) => view.setUint32(at, value, little),
    header: (section) => 64 + 32 * section,
    probe: (index) => sections[1]!.offset + 48 * index,
    provider: sections.at(-1)!.offset,
    strtab: sections[0]!.offset,
  };
}

/**
 * The same DOF with its section headers at the end, perhaps with others after them: eight numbers
 * each, or the first.
 */
function moveHeaders(
  bytes: Uint8Array<ArrayBuffer>,
  { stride = 32, shift = 0, more = [] }: { stride?: number; shift?: number; more?: readonly number[][] },
): Uint8Array {
  const start = ((bytes.length + 7) & -8) + shift;
  const count = new DataView(bytes.buffer).getUint32(28, true);
  const moved = new Uint8Array(start + stride * (count + more.length));
  const view = new DataView(moved.buffer);
  moved.set(bytes);
  for (let i = 0; i < count; i++) moved.copyWithin(start + stride * i, 64 + 32 * i, 64 + 32 * (i + 1));
  for (const [i, fields] of more.entries()) {
    for (const [j, value] of fields.entries()) view.setUint32(start + stride * (count + i) + 4 * j, value, true);
  }
  view.setUint32(24, stride, true);
  view.setUint32(28, count + more.length, true);
  view.setUint32(32, start, true);
  view.setUint32(40, moved.length, true);
  view.setUint32(48, moved.length, true);
  return moved;
}
