import assert from 'node:assert/strict';
import type { Argument, Kind, Probe, TracedObject } from '../../model.js';
import { parseCondition } from '../../question/where.js';
import { fetchArguments } from './fetch-arguments.js';
import { kernelFilter } from './filter.js';
import { parseFormat } from './format.js';
import { PAGE_SIZE, parsePage } from './ring-buffer.js';
import { checkWarning } from './tracefs.js';

const argument = (kind: Kind, size: number, operand: string, name = 'x'): Argument => ({
  name,
  type: kind,
  kind,
  size: Math.abs(size),
  operand: { size, float: kind === 'float', operand },
});

const probeOf = (...list: Argument[]): Probe => ({
  provider: 'p',
  name: 'q',
  symbol: undefined,
  offset: 0,
  semaphore: undefined,
  arguments: list,
});

describe('uprobe events', () => {
  it('read arguments where the note says they are, on x64', () => {
    const fetched = (kind: Kind, size: number, operand: string) =>
      fetchArguments(probeOf(argument(kind, size, operand)), 'x64');
    assert.deepEqual(fetched('signed', -4, '%edi'), ['a0=%di:s32']);
    assert.deepEqual(fetched('unsigned', 8, '%r9'), ['a0=%r9:u64']);
    assert.deepEqual(fetched('unsigned', 1, '%r8b'), ['a0=%r8:u8']);
    assert.deepEqual(fetched('unsigned', 1, '%al'), ['a0=%ax:u8']);
    assert.deepEqual(fetched('unsigned', 2, '%sil'), ['a0=%si:u16']);
    assert.deepEqual(fetched('text', 8, '%rsi'), ['a0=+0(%si):ustring']);
    assert.deepEqual(fetched('text', 8, '8(%rsp)'), ['a0=+0(+8(%sp)):ustring']);
    assert.deepEqual(fetched('bytes', 8, '%rsi'), ['a0=+0(%si):x8[64]']);
    assert.deepEqual(fetched('signed', -8, '-24(%rbp)'), ['a0=-24(%bp):s64']);
    assert.deepEqual(fetched('signed', -4, '$-7'), ['a0=\\-7:s32']);
    // What it cannot read.
    assert.deepEqual(fetched('float', 8, '%xmm0'), []);
    assert.deepEqual(fetched('signed', 4, 'counter+4(%rip)'), []);
    assert.deepEqual(fetched('signed', 8, '8(%rax,%rcx,4)'), []);
  });

  it('read arguments where the note says they are, on arm64', () => {
    const fetched = (kind: Kind, size: number, operand: string) =>
      fetchArguments(probeOf(argument(kind, size, operand)), 'arm64');
    assert.deepEqual(fetched('signed', -4, 'x0'), ['a0=%x0:s32']);
    assert.deepEqual(fetched('unsigned', 8, '[sp, 16]'), ['a0=+16(%sp):u64']);
    assert.deepEqual(fetched('text', 8, '[sp]'), ['a0=+0(+0(%sp)):ustring']);
    assert.deepEqual(fetched('signed', -8, '[x29, -8]'), ['a0=-8(%x29):s64']);
    assert.deepEqual(fetched('signed', -4, '5'), ['a0=\\5:s32']);
  });

  it('read what is wanted, and how many bytes there are', () => {
    const probe = probeOf(
      argument('unsigned', 8, '%rdi', 'id'),
      argument('bytes', 8, '%rsi', 'data'),
      argument('unsigned', 8, '%rdx', 'data_length'),
    );
    assert.deepEqual(fetchArguments(probe, 'x64', ['data']), ['a1=+0(%si):x8[64]', 'a2=%dx:u64']);
  });

  it('are filtered by the kernel where it can say the same', () => {
    const probe = probeOf(
      argument('text', 8, '%rdi', 'peer'),
      argument('signed', -4, '%esi', 'port'),
      argument('unsigned', 8, '%rdx', 'n'),
    );
    const filter = (text: string) => kernelFilter(parseCondition(text), probe);
    assert.equal(filter('peer == "a" && !(port > 1ms)'), '(a0 == "a") && (!(a1 > 1000000))');
    assert.equal(filter('peer ~ "a*" || n == 18446744073709551615'), '(a0 ~ "a*") || (a2 == 18446744073709551615)');
    assert.equal(filter('port'), 'a1 != 0');
    for (const text of [
      'peer == "ä"',
      `peer == '"'`,
      'peer ~ "[a]"',
      `peer == "${'x'.repeat(255)}"`,
      'port == 4294967295',
      'n == -1',
      'n > 1.5',
      'pid == 1',
      'peer == "a" || pid == 1',
    ]) {
      assert.equal(filter(text), undefined, text);
    }
  });

  it('with texts are refused where the kernel ends at a warning', () => {
    const probe = probeOf(argument('text', 8, '%rdi', 'peer'), argument('signed', -4, '%esi', 'port'));
    const selections = [{ object: {} as TracedObject, probes: [probe] }];
    checkWarning('0\n', { selections });
    checkWarning('1\n', { selections, wanted: ['port'] });
    assert.throws(() => checkWarning('1\n', { selections }), /panic_on_warn is 1, .* p:q may have; leave texts out/);
  });

  it('are described by their format', () => {
    const { id, fields } = parseFormat(
      'name: e\nID: 1234\nformat:\n\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n' +
        '\tfield:__data_loc char[] a0;\toffset:16;\tsize:4;\tsigned:1;\n\tfield:u8 a1[64];\toffset:20;\tsize:64;\tsigned:0;\n' +
        '\tfield:s32 a2;\toffset:84;\tsize:4;\tsigned:1;\n\nprint fmt: ""\n',
    );
    assert.equal(id, 1234);
    assert.deepEqual(
      [...fields.values()].map(({ name, offset, isElsewhere, isArray, isSigned }) => [
        name,
        offset,
        isElsewhere,
        isArray,
        isSigned,
      ]),
      [
        ['common_type', 0, false, false, false],
        ['a0', 16, true, false, true],
        ['a1', 20, false, true, false],
        ['a2', 84, false, false, true],
      ],
    );
  });

  it('lie in pages, with what is between them', () => {
    const page = new DataView(new ArrayBuffer(PAGE_SIZE));
    page.setBigUint64(0, 1_000_000n, true);
    let at = 16;
    const word = (value: number) => {
      page.setUint32(at, value, true);
      at += 4;
    };
    word((5 << 5) | 2); // 8 bytes, 5 ns later
    at += 8;
    word((3 << 5) | 30); // 2 × 2^27 + 3 ns pass
    word(2);
    word((1 << 5) | 0); // a length of its own: 12 bytes of data, and the length
    word(16);
    at += 12;
    word((0 << 5) | 29); // padding to the end
    page.setUint32(8, at - 16, true);
    const { entries, lost } = parsePage(page);
    assert.equal(lost, 0);
    const later = 1_000_005n + 2n * 2n ** 27n + 3n + 1n;
    assert.deepEqual(entries, [
      { time: 1_000_005n, start: 20, end: 28 },
      { time: later, start: 44, end: 56 },
    ]);
    page.setUint32(8, 0xc000_0000 + at - 16, true);
    page.setBigUint64(at, 77n, true);
    assert.equal(parsePage(page).lost, 77);
  });
});
