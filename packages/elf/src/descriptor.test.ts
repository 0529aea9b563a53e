import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { readBuildId, readElf, readNotes, readProgramNote, readPrototypes, writeProbeObject } from './index.js';
import { example } from './test-definitions.js';
import { missing, temporaryDirectory, tool } from './test-tools.js';

describe('a file behind a descriptor', () => {
  const directory = temporaryDirectory();
  const open: number[] = [];
  afterEach(() => {
    for (const descriptor of open.splice(0)) closeSync(descriptor);
  });

  /** Opened for reading and writing, and removed. */
  function descriptorOf(content: Uint8Array): number {
    const path = join(directory.path, 'file');
    writeFileSync(path, content);
    const descriptor = openSync(path, 'r+');
    open.push(descriptor);
    unlinkSync(path);
    return descriptor;
  }

  /** All that can be read, of both kinds of input. */
  function compare(bytes: Uint8Array): void {
    const [inMemory, inFile] = [readElf(bytes), readElf(descriptorOf(bytes))];
    assert.deepEqual(inFile.sections, inMemory.sections);
    assert.deepEqual(inFile.segments, inMemory.segments);
    for (const section of inMemory.sections) {
      if (section.index === 0) continue;
      assert.ok(Buffer.from(inFile.data(section)).equals(inMemory.data(section)), section.name);
    }
    assert.deepEqual(inFile.symbols(), inMemory.symbols());
    assert.deepEqual(readNotes(inFile), readNotes(inMemory));
    assert.equal(readBuildId(inFile), readBuildId(inMemory));
    assert.deepEqual(readProgramNote(inFile), readProgramNote(inMemory));
    const prototypes = readPrototypes(inMemory);
    assert.deepEqual(readPrototypes(inFile), prototypes);
    const some = new Set([...prototypes.keys()].filter((_, index) => index % 7 === 0));
    assert.deepEqual(readPrototypes(inFile, some), readPrototypes(inMemory, some));
    assert.equal(readPrototypes(inFile, some).size, some.size);
  }

  it('has the same in it as in memory: thousands of probes', () => {
    const probes = Array.from({ length: 3000 }, (_, i) => ({
      name: `p${i}`,
      symbol: `smtp_p${i}`,
      arguments: [{ name: `a${i}`, type: 'string' as const }],
    }));
    const program = Object.fromEntries(probes.map(({ name }) => [name, { key: name.repeat(9) }]));
    for (const notes of [true, false]) compare(writeProbeObject(example({ probes, notes, program })).bytes);
  });

  for (const compiler of ['gcc', 'clang'] as const) {
    it(`has the same in it as in memory: what ${compiler} made of C`, function () {
      const path = tool.call(this, compiler);
      const source = join(directory.path, 'p.c');
      const functions = Array.from(
        { length: 2000 },
        (_, i) => `struct s${i} { int a; }; int f${i}(struct s${i} *s, const char *text${i}) { return s->a; }`,
      );
      writeFileSync(source, `${functions.join('\n')}\nint main(void) { return 0; }\n`);
      for (const version of [4, 5]) {
        const program = join(directory.path, 'p');
        execFileSync(path, ['-g', `-gdwarf-${version}`, '-o', program, source]);
        compare(readFileSync(program));
      }
    });
  }

  it('is read where it is needed alone', function () {
    if (process.platform !== 'linux') missing(this, '/proc/self/io');
    const descriptor = openSync(process.execPath, 'r');
    open.push(descriptor);
    const before = bytesRead();
    const elf = readElf(descriptor);
    readNotes(elf);
    readBuildId(elf);
    const read = bytesRead() - before;
    assert.ok(elf.size > 50_000_000, 'Node.js is a large program');
    assert.ok(read < 400_000, `${read} bytes were read`);
  });

  it('stays where it was', () => {
    const { bytes } = writeProbeObject(example());
    const descriptor = descriptorOf(bytes);
    const buffer = Buffer.alloc(8);
    readSync(descriptor, buffer, 0, 4, null);
    assert.equal(readNotes(descriptor).length, 3);
    readSync(descriptor, buffer, 4, 4, null);
    assert.deepEqual(buffer, Buffer.from(bytes.subarray(0, 8)));
  });

  it('may be truncated meanwhile', () => {
    const { bytes } = writeProbeObject(example());
    const descriptor = descriptorOf(bytes);
    const elf = readElf(descriptor);
    ftruncateSync(descriptor, 100);
    assert.throws(() => readNotes(elf), { code: 'SONDE_ELF', message: /truncated/ });
    assert.throws(() => readPrototypes(elf), { code: 'SONDE_ELF', message: /truncated/ });
    assert.equal(readProgramNote(elf), undefined);
  });

  it('may be larger than can be read: a hole takes no room', function () {
    this.timeout(60_000);
    const { bytes } = writeProbeObject(example({ program: {} }));
    const at = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(40, true);
    const terabyte = 2 ** 40;
    for (const { index, name } of readElf(bytes).sections) {
      if (index === 0) continue;
      const descriptor = descriptorOf(bytes);
      try {
        ftruncateSync(descriptor, 2 * terabyte);
      } catch {
        missing(this, 'a file system with files of two terabytes');
      }
      const field = Buffer.alloc(16);
      field.writeBigUInt64LE(BigInt(terabyte / 2));
      field.writeBigUInt64LE(BigInt(terabyte), 8);
      writeSync(descriptor, field, 0, 16, Number(at) + 64 * index + 24);
      const begin = process.cpuUsage();
      for (const read of [readNotes, readProgramNote, readPrototypes, (fd: number) => readElf(fd).data(name)]) {
        try {
          read(descriptor);
        } catch (error) {
          assert.equal((error as { code?: unknown }).code, 'SONDE_ELF', `${name}: ${error}`);
        }
      }
      const { user, system } = process.cpuUsage(begin);
      assert.ok(user + system < 5e6, `${name} takes ${(user + system) / 1e6} s`);
    }
  });

  for (const [what, value, message] of [
    ['a path', '/bin/sh', /^string is neither a Uint8Array nor the descriptor/],
    ['a number that is none', -1, /^-1 is neither/],
    ['a fraction', 0.5, /^0.5 is neither/],
    ['nothing', undefined, /^undefined is neither/],
  ] as const) {
    it(`is not ${what}`, () => {
      assert.throws(() => readElf(value as never), { code: 'SONDE_ELF', message });
    });
  }

  it('has to be open, and a file', () => {
    assert.throws(() => readElf(2 ** 30), { code: 'EBADF' });
    const folder = openSync(directory.path, 'r');
    open.push(folder);
    assert.throws(() => readElf(folder), { code: 'EISDIR' });
  });
});

function bytesRead(): number {
  return Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
}
