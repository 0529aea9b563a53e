import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ElfError, parseOperands, readBuildId, readElf, readNotes, writeProbeObject } from './index.js';
import { example } from './test-definitions.js';
import { missing, run, temporaryDirectory, tool } from './test-tools.js';

/** Probes with constants, registers of every width, memory, a global, a float, twelve arguments. */
const program = `
#include <stdint.h>
#include <sys/sdt.h>
struct pair { int8_t small; uint64_t large; };
volatile double ratio = 0.5;
int global;
__attribute__((noinline)) void work(struct pair *pair, uint16_t half, const char *text, int n) {
  volatile long slots[4] = { n, n + 1, n + 2, n + 3 };
  STAP_PROBE4(app, widths, pair->small, half, n, pair->large);
  STAP_PROBE3(app, constants, 5, -1, (int64_t)0x7fffffffffffffff);
  STAP_PROBE2(app, text, text, &global);
  STAP_PROBE2(app, memory, slots[2], slots[3]);
  STAP_PROBE1(app, real, ratio);
  STAP_PROBE12(app, twelve, n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, text, half, 11, pair);
}
int main(int argc, char **argv) {
  struct pair pair = { -argc, argc };
  for (int i = 0; i < argc; i++) work(&pair, argc, argv[0], i);
  return global;
}
`;

describe('readElf', () => {
  it('finds sections, segments and symbols of the running program', () => {
    const elf = readElf(readFileSync(process.execPath));
    assert.ok(elf.section('.text'));
    assert.ok(elf.segments.some((segment) => segment.type === 1 && segment.flags === 5));
    const symbols = elf.symbols('dynsym');
    const open = symbols.find((symbol) => symbol.name === 'napi_create_function');
    assert.ok(open, 'Node.js exports Node-API');
    assert.deepEqual([open.type, open.binding], [2, 1]);
    assert.ok(elf.fileOffset(open.address)! > 0);
  });

  it('copies nothing', () => {
    const { bytes, text } = writeProbeObject(example());
    const data = readElf(bytes).data('.text');
    assert.equal(data.buffer, bytes.buffer);
    assert.deepEqual([data.byteOffset, data.length], [bytes.byteOffset + text.fileOffset, text.size]);
  });

  it('reads a view into a larger buffer', () => {
    const { bytes, buildId } = writeProbeObject(example());
    const larger = new Uint8Array(bytes.length + 13);
    larger.set(bytes, 7);
    const view = larger.subarray(7, 7 + bytes.length);
    assert.equal(readBuildId(view), buildId);
    assert.deepEqual(readNotes(view), readNotes(bytes));
  });

  it('reads a big-endian file', () => {
    const bytes = bigEndian();
    const elf = readElf(bytes);
    assert.equal(elf.littleEndian, false);
    assert.equal(elf.machine, 22); // EM_S390
    assert.deepEqual(readNotes(elf), [
      {
        provider: 'p',
        name: 'n',
        arguments: '8@%r2',
        location: 0x1122334455667788n,
        base: 0n,
        semaphore: 0n,
        address: 0x1122334455667788n,
        fileOffset: undefined,
      },
    ]);
  });

  it('reads an object file, which has no segments', function () {
    const compiler = tool.call(this, 'gcc');
    assertHeader.call(this);
    const source = join(directory.path, 'app.c');
    const object = join(directory.path, 'app.o');
    writeFileSync(source, program);
    const { status, stderr } = run(compiler, '-O1', '-c', source, '-o', object);
    assert.equal(status, 0, stderr);
    const elf = readElf(readFileSync(object));
    assert.equal(elf.type, 1);
    assert.equal(readNotes(elf).length, 6);
    assert.ok(readNotes(elf).every((note) => note.fileOffset === undefined));
    assert.ok(elf.symbols().some((symbol) => symbol.name === 'work'));
  });

  const directory = temporaryDirectory();

  const refused: [string, Uint8Array, RegExp][] = [
    ['nothing', new Uint8Array(0), /^not an ELF file/],
    ['text', Buffer.from('#!/bin/sh\necho this is not an ELF file\n'), /^not an ELF file/],
    ['a 32-bit file', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), /^a 32-bit ELF file/],
    ['an unknown class', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 3, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), /^ELF class 3/],
    [
      'an unknown order',
      Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
      /^ELF byte order 3/,
    ],
    ['half a header', writeProbeObject(example()).bytes.subarray(0, 40), /^the file ends after 40 bytes/],
  ];
  for (const [what, bytes, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => readElf(bytes),
        (error) => error instanceof ElfError && message.test(error.message),
      );
    });
  }

  it('says which section does not exist', () => {
    const elf = readElf(writeProbeObject(example()).bytes);
    assert.equal(elf.section('.none'), undefined);
    assert.throws(() => elf.data('.none'), { code: 'SONDE_ELF', message: 'there is no section .none' });
  });
});

describe('readNotes', () => {
  const directory = temporaryDirectory();

  it('reads what readelf reads: the C++ library', function () {
    const reader = tool.call(this, 'readelf');
    const library = ['x86_64', 'aarch64']
      .flatMap((machine) => [`/usr/lib/${machine}-linux-gnu/libstdc++.so.6`, '/usr/lib64/libstdc++.so.6'])
      .find(existsSync);
    compare(reader, library ?? missing(this, 'libstdc++.so.6'));
  });

  for (const [name, options] of Object.entries({
    'optimised and position-independent': ['-O2', '-fpie', '-pie'],
    'neither optimised nor position-independent': ['-O0', '-fno-pie', '-no-pie'],
    stripped: ['-O1', '-s'],
  })) {
    it(`reads what readelf reads: a C program, ${name}`, function () {
      const reader = tool.call(this, 'readelf');
      const compiler = tool.call(this, 'gcc');
      assertHeader.call(this);
      const source = join(directory.path, 'app.c');
      const binary = join(directory.path, 'app');
      writeFileSync(source, program);
      const { status, stderr } = run(compiler, ...options, '-Wl,--build-id', source, '-o', binary);
      assert.equal(status, 0, stderr);

      const notes = compare(reader, binary);
      const count = (probe: string) => parseOperands(notes.find((note) => note.name === probe)!.arguments).length;
      assert.deepEqual(['widths', 'constants', 'text', 'memory', 'real', 'twelve'].map(count), [4, 3, 2, 2, 1, 12]);
      const sizes = parseOperands(notes.find((note) => note.name === 'widths')!.arguments).map(({ size }) => size);
      assert.deepEqual(sizes, [-1, 2, -4, 8]);
      const bytes = readFileSync(binary);
      for (const note of notes) assert.equal(bytes[note.fileOffset!], 0x90);
    });
  }

  it('follows a file that was moved after it was linked', () => {
    const { bytes } = writeProbeObject(example());
    const before_ = readNotes(bytes);
    const moved = bytes.slice();
    const elf = readElf(moved);
    const view = new DataView(moved.buffer);
    const header = Number(view.getBigUint64(40, true)) + 64 * elf.section('.stapsdt.base')!.index;
    view.setBigUint64(header + 16, elf.section('.stapsdt.base')!.address - 16n, true);
    assert.deepEqual(
      readNotes(moved).map((note) => note.address),
      before_.map((note) => note.address - 16n),
    );
  });

  it('finds none where there are none', () => {
    assert.deepEqual(readNotes(writeProbeObject(example({ notes: false })).bytes), []);
    assert.deepEqual(
      readNotes(readFileSync(process.execPath)).filter((note) => note.provider === ''),
      [],
    );
  });

  /** Our reading and readelf's, of notes and build-id. */
  function compare(reader: string, path: string) {
    const elf = readElf(readFileSync(path));
    const notes = readNotes(elf);
    const { stdout } = run(reader, '-nW', path);
    const theirs = [
      ...stdout.matchAll(
        /Provider: (.*)\n *Name: (.*)\n *Location: (.*), Base: (.*), Semaphore: (.*)\n *Arguments: ?(.*)/g,
      ),
    ];
    assert.ok(notes.length > 0);
    assert.deepEqual(
      notes.map((note) => [note.provider, note.name, note.location, note.base, note.semaphore, note.arguments]),
      theirs.map((match) => [match[1], match[2], BigInt(match[3]!), BigInt(match[4]!), BigInt(match[5]!), match[6]]),
    );
    assert.equal(readBuildId(elf), /Build ID: ([0-9a-f]+)/.exec(stdout)?.[1]);
    return notes;
  }
});

function assertHeader(this: Mocha.Context): void {
  if (
    existsSync('/usr/include/sys/sdt.h') ||
    existsSync(`/usr/include/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu/sys/sdt.h`)
  ) {
    return;
  }
  missing(this, 'sys/sdt.h');
}

/** The least that has an SDT note: header, three section headers, names, note. */
function bigEndian(): Uint8Array {
  const names = '\0.note.stapsdt\0.shstrtab\0';
  const bytes = Buffer.alloc(64 + 3 * 64 + names.length + 3 + 64);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 2, 1]);
  bytes.writeUInt16BE(3, 16);
  bytes.writeUInt16BE(22, 18);
  bytes.writeBigUInt64BE(64n, 40);
  bytes.writeUInt16BE(64, 58);
  bytes.writeUInt16BE(3, 60);
  bytes.writeUInt16BE(2, 62);
  const section = (index: number, name: number, type: number, offset: number, size: number) => {
    const at = 64 + 64 * index;
    bytes.writeUInt32BE(name, at);
    bytes.writeUInt32BE(type, at + 4);
    bytes.writeBigUInt64BE(BigInt(offset), at + 24);
    bytes.writeBigUInt64BE(BigInt(size), at + 32);
  };
  const text = 'p\0n\x008@%r2\0';
  section(1, 1, 7, 288, 20 + 24 + text.length);
  section(2, 15, 3, 256, names.length);
  bytes.write(names, 256, 'latin1');
  bytes.writeUInt32BE(8, 288);
  bytes.writeUInt32BE(24 + text.length, 292);
  bytes.writeUInt32BE(3, 296);
  bytes.write('stapsdt\0', 300, 'latin1');
  bytes.writeBigUInt64BE(0x1122334455667788n, 308);
  bytes.write(text, 332, 'latin1');
  return bytes;
}
