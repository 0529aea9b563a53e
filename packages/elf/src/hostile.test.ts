import assert from 'node:assert/strict';
import { parseOperands, readElf, readNotes, readPrototypes, writeProbeObject } from './index.js';
import { example } from './test-definitions.js';
import { extremes, generator, interesting, measured, mutations, original, readEverything } from './test-mutations.js';

/**
 * Files that are broken by accident or on purpose: an `ElfError` or a result inside the bounds, in
 * work that is proportional to the file's size.
 */
describe('hostile files', () => {
  const sections = readElf(original).sections;
  const headersAt = Number(new DataView(original.buffer, original.byteOffset).getBigUint64(40, true));
  const index = (name: string) => sections.findIndex((section) => section.name === name);

  it('survives every truncation', () => {
    for (let length = 0; length < original.length; length++) readEverything(original.slice(0, length));
  });

  it('survives ten thousand mutations', () => {
    const mutated = mutations(20030523);
    for (let round = 0; round < 10_000; round++) readEverything(mutated());
  });

  it('survives an extreme value in every field of the headers, one after the other', () => {
    const fields: [position: number, width: 2 | 4 | 8][] = [];
    for (const at of [16, 18, 52, 54, 56, 58, 60, 62]) fields.push([at, 2]);
    for (const at of [24, 32, 40]) fields.push([at, 8]);
    for (let header = 64; header < 64 + 6 * 56; header += 56) {
      for (const at of [0, 4]) fields.push([header + at, 4]);
      for (const at of [8, 16, 24, 32, 40, 48]) fields.push([header + at, 8]);
    }
    for (let header = headersAt; header < original.length; header += 64) {
      for (const at of [0, 4, 40, 44]) fields.push([header + at, 4]);
      for (const at of [8, 16, 24, 32, 48, 56]) fields.push([header + at, 8]);
    }
    for (const [at, width] of fields) {
      for (const value of extremes) {
        const bytes = original.slice();
        const view = new DataView(bytes.buffer);
        if (width === 8) view.setBigUint64(at, value, true);
        else if (width === 4) view.setUint32(at, Number(value & 0xffffffffn), true);
        else view.setUint16(at, Number(value & 0xffffn), true);
        readEverything(bytes);
      }
    }
  });

  it('survives a random byte at every position', () => {
    const random = generator(7);
    for (const at of interesting) {
      const bytes = original.slice();
      bytes[at] = random(256);
      readEverything(bytes);
    }
  });

  it('refuses sections of notes that overlap', () => {
    const bytes = manySections(2000, (view, at) => {
      copySection(view, at, index('.note.stapsdt'));
    });
    assert.throws(() => readNotes(bytes), { code: 'SONDE_ELF', message: /overlap/ });
    readEverything(bytes);
  });

  it('refuses a long name that all sections share', () => {
    const text = 900;
    const bytes = manySections(
      20_000,
      (view, at) => view.setUint32(at, 1, true),
      Buffer.from(`\0${'x'.repeat(text)}\0`),
    );
    assert.throws(() => readElf(bytes), { code: 'SONDE_ELF', message: /too often/ });
    readEverything(bytes);
  });

  it('refuses a long name that all symbols share', () => {
    const count = 20_000;
    const size = 24 * count;
    const text = Buffer.from(`\0${'x'.repeat(size)}\0`);
    const bytes = new Uint8Array(original.length + size + text.length);
    bytes.set(original);
    bytes.set(text, original.length + size);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < count; i++) view.setUint32(original.length + 24 * i, 1, true);
    const symtab = headersAt + 64 * index('.symtab');
    view.setBigUint64(symtab + 24, BigInt(original.length), true);
    view.setBigUint64(symtab + 32, BigInt(size), true);
    const strtab = headersAt + 64 * index('.strtab');
    view.setBigUint64(strtab + 24, BigInt(original.length + size), true);
    view.setBigUint64(strtab + 32, BigInt(text.length), true);
    assert.throws(() => readElf(bytes).symbols(), { code: 'SONDE_ELF', message: /too often/ });
    readEverything(bytes);
  });

  it('refuses names that do not end, and names outside their section', () => {
    for (const [size, message] of [
      [1n, /there is nothing at/],
      [3n, /does not end|there is nothing/],
    ] as const) {
      const bytes = original.slice();
      new DataView(bytes.buffer).setBigUint64(headersAt + 64 * index('.shstrtab') + 32, size, true);
      assert.throws(() => readElf(bytes), { code: 'SONDE_ELF', message });
    }
  });

  it('refuses a section that is its own table of names, or another kind of thing', () => {
    for (const link of [index('.symtab'), index('.text'), 0, 99]) {
      const bytes = original.slice();
      new DataView(bytes.buffer).setUint32(headersAt + 64 * index('.symtab') + 40, link, true);
      assert.throws(() => readElf(bytes).symbols('symtab'), { code: 'SONDE_ELF', message: /is not a string table/ });
    }
  });

  it('finds its way through thousands of segments, for thousands of notes', () => {
    const probes = Array.from({ length: 2000 }, (_, i) => ({ name: `p${i}`, symbol: `s${i}`, arguments: [] }));
    const object = writeProbeObject(example({ probes })).bytes;
    const count = 60_000;
    const bytes = new Uint8Array(object.length + 56 * count);
    bytes.set(object);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(32, BigInt(object.length), true);
    view.setUint16(56, count, true);
    for (let i = 0; i < count; i++) {
      bytes.copyWithin(object.length + 56 * i, 64 + 56, 64 + 112);
      view.setBigUint64(object.length + 56 * i + 16, BigInt(0x10000000 + 0x1000 * i), true);
    }
    const { result, work } = measured(() => readNotes(bytes));
    assert.equal(result.length, 2000);
    assert.ok(work < 40 * bytes.length);
  });

  it('takes operands of any length apart', () => {
    const text = '8@(%rdi '.repeat(100_000);
    assert.equal(parseOperands(text).length, 1);
    assert.equal(parseOperands('8@%rdi '.repeat(100_000)).length, 100_000);
    assert.equal(parseOperands(`${'9'.repeat(100_000)}@x`)[0]!.size, Number.POSITIVE_INFINITY);
  });

  describe('with DWARF', () => {
    // A function; a parameter that is an instance of something, or has a type; a variable with a
    // number; a pointer; a name.
    const abbreviations = Uint8Array.of(
      ...[1, 0x2e, 1, 0x11, 1, 0, 0],
      ...[2, 5, 0, 0x31, 0x13, 0, 0],
      ...[3, 5, 0, 0x49, 0x13, 0, 0],
      ...[4, 0x34, 0, 0x1c, 0x0f, 0, 0],
      ...[5, 0x0f, 0, 0x49, 0x13, 0, 0],
      ...[6, 0x34, 0, 3, 8, 0, 0],
      0,
    );
    const count = 20_000;
    const headerSize = 11;
    const first = [1, 8, 0, 0, 0, 0, 0, 0, 0];
    /** Where entries behind that of the function with `count` parameters are. */
    const behind = headerSize + first.length + 5 * count + 1;
    const parameters = (code: number, target: (index: number) => number) =>
      Array.from({ length: count }, (_, index) => entry(code, target(index))).flat();

    it('reads nothing for ever: a number without an end, to which all parameters refer', () => {
      bounded([...first, ...parameters(2, () => behind), 0, 4, ...new Array(20 * count).fill(0x80), 0]);
    });

    it('reads nothing for ever: a name without an end, which all parameters have', () => {
      bounded([...first, ...parameters(2, () => behind), 0, 6, ...new Array(20 * count).fill(0x78), 0]);
    });

    it('does not make long texts of what is short: a pointer to a pointer, and so on', () => {
      const pointers = Array.from({ length: count }, (_, index) => entry(5, behind + 5 * Math.max(0, index - 1)));
      const read = bounded([...first, ...parameters(3, (index) => behind + 5 * index), 0, ...pointers.flat()]);
      assert.ok(read.parameters.every(({ type }) => type.length <= 4096));
    });

    it('ends where types are made of themselves', () => {
      const read = bounded([...first, ...parameters(3, () => behind), 0, ...entry(5, behind)]);
      assert.match(read.parameters[0]!.type, /^\? \*+$/);
    });

    it('keeps no more parameters than a function can have', () => {
      const read = bounded([...first, ...parameters(3, () => 0), 0]);
      assert.equal(read.parameters.length, 255);
    });

    function entry(code: number, reference: number): number[] {
      return [code, reference & 0xff, (reference >> 8) & 0xff, (reference >> 16) & 0xff, 0];
    }

    /** The function of a unit of version 4 with these entries, which is found in reasonable time. */
    function bounded(entries: readonly number[]) {
      const info = new Uint8Array(headerSize + entries.length);
      const header = new DataView(info.buffer);
      header.setUint32(0, info.length - 4, true);
      header.setUint16(4, 4, true);
      header.setUint8(10, 8);
      info.set(entries, headerSize);
      const bytes = new Uint8Array(original.length + abbreviations.length + info.length);
      bytes.set(original);
      bytes.set(abbreviations, original.length);
      bytes.set(info, original.length + abbreviations.length);
      place(bytes, '.debug_abbrev', original.length, abbreviations.length);
      place(bytes, '.debug_info', original.length + abbreviations.length, info.length);
      const { result, work } = measured(() => readPrototypes(bytes));
      assert.ok(work <= 40 * bytes.length, `${work} steps for ${bytes.length} bytes`);
      const found = result.get(8n);
      assert.ok(found);
      return found;
    }

    function place(bytes: Uint8Array, name: string, offset: number, size: number): void {
      const view = new DataView(bytes.buffer);
      view.setBigUint64(headersAt + 64 * index(name) + 24, BigInt(offset), true);
      view.setBigUint64(headersAt + 64 * index(name) + 32, BigInt(size), true);
    }
  });

  /** Our object with a table of so many section headers behind it, and perhaps other names. */
  function manySections(
    count: number,
    change: (view: DataView, at: number) => void,
    names: Uint8Array = new Uint8Array(0),
  ): Uint8Array {
    const table = original.length;
    const bytes = new Uint8Array(table + 64 * (count + 1) + names.length);
    bytes.set(original);
    bytes.set(names, table + 64 * (count + 1));
    const view = new DataView(bytes.buffer);
    view.setBigUint64(40, BigInt(table), true);
    view.setUint16(60, count + 1, true);
    view.setUint16(62, count, true);
    for (let i = 0; i < count; i++) change(view, table + 64 * i);
    copySection(view, table + 64 * count, index('.shstrtab'));
    if (names.length > 0) {
      view.setUint32(table + 64 * count, 1, true);
      view.setBigUint64(table + 64 * count + 24, BigInt(table + 64 * (count + 1)), true);
      view.setBigUint64(table + 64 * count + 32, BigInt(names.length), true);
    }
    return bytes;
  }

  function copySection(view: DataView, at: number, section: number): void {
    for (let i = 0; i < 64; i += 8)
      view.setBigUint64(at + i, view.getBigUint64(headersAt + 64 * section + i, true), true);
  }
});
