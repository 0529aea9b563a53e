import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ProgramProbes, readNotes, readProgramNote, writeProbeObject } from './index.js';
import { example } from './test-definitions.js';
import { run, temporaryDirectory, tool } from './test-tools.js';

const program: ProgramProbes = { mixed: { key: 'mixed-key', part: 'done', carries: { a9_string: 'json' } } };

/** Our objects as other people's programs read them, from the file alone. */
for (const architecture of ['x64', 'arm64'] as const) {
  describe(`a probe object for ${architecture}`, () => {
    const directory = temporaryDirectory();
    let path = '';
    before(() => {
      path = join(directory.path, 'smtp.so');
      writeFileSync(path, writeProbeObject(example({ architecture, program })).bytes);
    });

    /** What a program says of the object; nothing to complain about. */
    function ask(program: string, ...options: string[]): string {
      const { status, stdout, stderr } = run(program, ...options, path);
      assert.equal(stderr, '');
      assert.equal(status, 0, stdout);
      return stdout;
    }

    it('is without fault to readelf', function () {
      const program = tool.call(this, 'readelf');
      const all = ask(program, '-aW');
      assert.match(all, /\.note\.sonde\n.*\n +sonde +0x/);
      assert.match(all, /Library soname: \[smtp\.so\]/);
      assert.match(all, /FUNC +GLOBAL +DEFAULT +5 smtp_session__start/);
      ask(program, '--debug-dump=info,abbrev,aranges,frames');
    });

    it('is without fault to eu-readelf', function () {
      const program = tool.call(this, 'eu-readelf');
      const all = ask(program, '-a', '-w');
      assert.match(all, /Provider: smtp, Name: session__start/);
    });

    it('is without fault to eu-elflint', function () {
      const program = tool.call(this, 'eu-elflint');
      const { stdout, stderr } = run(program, '--gnu-ld', path);
      assert.equal(stderr, '');
      // It knows no SDT notes, in objects of gcc neither, and none of sonde's.
      const faults = stdout
        .split('\n')
        .filter(
          (line) =>
            !/note type 3 with owner name 'stapsdt'|note type 1 with owner name 'sonde'|^No errors$|^$/.test(line),
        );
      assert.deepEqual(faults, []);
    });

    it('keeps its notes when it is stripped', function () {
      const program = tool.call(this, 'eu-strip');
      const stripped = join(directory.path, 'stripped.so');
      ask(program, '-o', stripped);
      const [before, after] = [path, stripped].map((each) => readFileSync(each));
      assert.ok(after!.length < before!.length);
      assert.deepEqual(readNotes(after!), readNotes(before!));
      assert.deepEqual(readProgramNote(after!), readProgramNote(before!));
    });

    it('has probes, prototypes and code for gdb', function () {
      const program = tool.call(this, architecture === 'x64' ? 'gdb' : 'gdb-multiarch');
      const commands = [
        'info probes stap smtp',
        'info functions',
        'ptype smtp_session__start',
        'info scope smtp_session__start',
        'info scope smtp_mixed',
        'disassemble /r smtp_session__start',
        'info frame-filter',
      ];
      const output = ask(program, '-q', '-batch', '-nx', ...commands.flatMap((command) => ['-ex', command]));
      const address = architecture === 'x64' ? '0x0000000000001000' : '0x0000000000011000';
      assert.match(output, new RegExp(`stap smtp +session__start ${address} +n?/?a? +.*smtp\\.so`));
      assert.match(output, /File smtp:/);
      assert.match(output, /type = void \(const char \*, int32_t\)/);
      assert.match(output, /void smtp_idle\(void\);/);
      assert.match(
        output,
        /void smtp_mixed\(int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, bool, const char \*, const void \*, int32_t\);/,
      );
      if (architecture === 'x64') {
        assert.match(output, /Symbol peer is a variable in \$rdi, length 8\./);
        assert.match(output, /Symbol a4_uint8 is a variable in \$r8, length 1\./);
        assert.match(output, /Symbol a11_int32 is a complex DWARF expression:\s+0: DW_OP_breg7 48 \[\$rsp\]/);
        assert.match(output, /0f 1f 44 00 00\s+nopl/);
      } else {
        assert.match(output, /Symbol peer is a variable in \$x0, length 8\./);
        assert.match(output, /Symbol a7_uint64 is a variable in \$x7, length 8\./);
        assert.match(output, /Symbol a11_int32 is a complex DWARF expression:\s+0: DW_OP_breg31 24 \[\$sp\]/);
        assert.match(output, /d503201f\s+nop/);
      }
    });
  });
}

describe('a probe object without notes', () => {
  const directory = temporaryDirectory();

  it('has functions for gdb, and no probes', function () {
    const program = tool.call(this, 'gdb');
    const path = join(directory.path, 'smtp.so');
    writeFileSync(path, writeProbeObject(example({ notes: false })).bytes);
    const { stdout, stderr } = run(
      program,
      '-q',
      '-batch',
      '-nx',
      '-ex',
      'info probes stap',
      '-ex',
      'ptype smtp_idle',
      path,
    );
    assert.equal(stderr, '');
    assert.match(stdout, /No probes matched\./);
    assert.match(stdout, /type = void \(void\)/);
  });

  for (const architecture of ['x64', 'arm64'] as const) {
    it(`has prototypes in BTF for bpftool (${architecture})`, function () {
      const program = tool.call(this, 'bpftool');
      const path = join(directory.path, `${architecture}.so`);
      writeFileSync(path, writeProbeObject(example({ architecture, notes: false })).bytes);
      const { status, stdout, stderr } = run(program, '--json', 'btf', 'dump', 'file', path);
      assert.equal(stderr, '');
      assert.equal(status, 0, stdout);
      const { types } = JSON.parse(stdout) as { types: BtfType[] };
      const named = (id: number): string => {
        if (id === 0) return 'void';
        const { kind, name, type_id: target } = types.find((type) => type.id === id)!;
        return kind === 'PTR' ? `${named(target!)} *` : kind === 'CONST' ? `const ${named(target!)}` : name;
      };
      const functions = types
        .filter(({ kind }) => kind === 'FUNC')
        .map(({ name, linkage, type_id: target }) => {
          const { ret_type_id: result, params } = types.find((type) => type.id === target)!;
          const parameters = params!.map((parameter) => `${named(parameter.type_id)} ${parameter.name}`);
          return `${linkage} ${named(result!)} ${name}(${parameters.join(', ')})`;
        });
      assert.deepEqual(functions, [
        'global void smtp_session__start(const char * peer, int32_t port)',
        'global void smtp_idle()',
        'global void smtp_mixed(int8_t a0_int8, int16_t a1_int16, int32_t a2_int32, int64_t a3_int64, uint8_t a4_uint8, ' +
          'uint16_t a5_uint16, uint32_t a6_uint32, uint64_t a7_uint64, bool a8_boolean, const char * a9_string, ' +
          'const void * a10_pointer, int32_t a11_int32)',
      ]);
      const integers = types
        .filter(({ kind }) => kind === 'INT')
        .map(({ name, bits_offset: offset, nr_bits: bits, size, encoding }) => [name, offset, bits, size, encoding]);
      assert.deepEqual(
        new Map(integers.map(([name, ...rest]) => [name, rest.join(' ')])),
        new Map([
          ['char', `0 8 1 ${architecture === 'x64' ? 'SIGNED' : '(none)'}`],
          ['int32_t', '0 32 4 SIGNED'],
          ['int8_t', '0 8 1 SIGNED'],
          ['int16_t', '0 16 2 SIGNED'],
          ['int64_t', '0 64 8 SIGNED'],
          ['uint8_t', '0 8 1 (none)'],
          ['uint16_t', '0 16 2 (none)'],
          ['uint32_t', '0 32 4 (none)'],
          ['uint64_t', '0 64 8 (none)'],
          ['bool', '0 8 1 BOOL'],
        ]),
      );
    });
  }
});

interface BtfType {
  id: number;
  kind: string;
  name: string;
  type_id?: number;
  ret_type_id?: number;
  linkage?: string;
  params?: { name: string; type_id: number }[];
  bits_offset?: number;
  nr_bits?: number;
  size?: number;
  encoding?: string;
}
