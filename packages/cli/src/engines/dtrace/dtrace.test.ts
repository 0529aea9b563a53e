import assert from 'node:assert/strict';
import type { Argument, Kind, Probe } from '../../model.js';
import { parseCondition } from '../../question/where.js';
import type { AggregateQuestion } from '../aggregation.js';
import { bucketsOf, keyOf, RecordReader, valuesOf } from './output.js';
import { ANY_PROCESS, checkReadable, countProgram, isSayable, textBytes, traceProgram } from './program.js';
import { parseSaid, reasonOf } from './said.js';

const argument = (name: string, kind: Kind, size: number): Argument => ({
  name,
  type: kind,
  kind,
  size: Math.abs(size),
  operand: { size, float: kind === 'float', operand: '' },
});

const probeOf = (name: string, ...list: Argument[]): Probe => ({
  provider: 'smtp',
  name,
  symbol: undefined,
  offset: 0,
  semaphore: undefined,
  arguments: list,
});

const done = probeOf(
  'delivery__done',
  argument('id', 'unsigned', 8),
  argument('domain', 'text', 8),
  argument('port', 'signed', -4),
  argument('data', 'bytes', 8),
  argument('data_length', 'unsigned', 4),
  argument('ok', 'boolean', 4),
);

const HEAD = `#pragma D option quiet
#pragma D option switchrate=20hz
#pragma D option aggrate=20hz
#pragma D option strsize=1024

BEGIN
{
  printf("begin<#>%d<#>%d<#>end<#>\\n", timestamp, walltimestamp);
}

tick-100ms
{
  printf("beat<#>%d<#>end<#>\\n", timestamp);
}
`;

const DOMAIN = '(arg1 == 0 || *(char *)copyin(arg1, 1) == 0 ? "" : copyinstr(arg1))';

describe('D programs', () => {
  const placed = [{ probe: done, processes: [47, 11] }];
  const counted: AggregateQuestion = {
    selections: [],
    pids: undefined,
    condition: undefined,
    by: ['domain', 'port'],
    value: undefined,
    follow: () => ({ stop() {} }),
  };

  it('print events', () => {
    const condition = parseCondition('domain == "a\\"b" && domain ~ "*x" && id > 1');
    assert.equal(
      traceProgram(placed, undefined, condition, '<#>'),
      `${HEAD}
smtp47:::delivery-done,
smtp11:::delivery-done
/(${DOMAIN} == "a\\"b") && ((uint64_t)arg0 > 1)/
{
  printf("event<#>0<#>%d<#>%d<#>%d<#>%u<#>%d<#>%s<#>%d<#>%u<#>%u<#>end<#>\\n", timestamp, pid, tid, (uint64_t)arg0, arg1 != 0, ${DOMAIN}, (int32_t)arg2, (uint32_t)arg4, (uint32_t)arg5);
}`,
    );
  });

  it('count in the kernel', () => {
    assert.equal(
      countProgram([{ probe: done, processes: [ANY_PROCESS] }], counted, undefined, '<#>'),
      `${HEAD}
smtp[0-9]*:::delivery-done
{
  @count0[${DOMAIN}, (int32_t)arg2] = count();
}

END
{
  printa("count<#>0<#>%s<#>%d<#>%@d<#>end<#>\\n", @count0);
}`,
    );
  });

  it('make histograms, and print them now and then', () => {
    const question = { ...counted, by: [], value: 'id', condition: parseCondition('port < 0') };
    assert.equal(
      countProgram(placed, question, 500, '<#>'),
      `${HEAD}
smtp47:::delivery-done,
smtp11:::delivery-done
/(int32_t)arg2 < 0/
{
  @count0 = quantize((uint64_t)arg0);
}

tick-500ms,
END
{
  printa("count<#>0<#>%@d<#>end<#>\\n", @count0);
}`,
    );
  });

  const conditions: [text: string, isSayable: boolean, predicate: string | undefined][] = [
    ['id == 18446744073709551615', true, '(uint64_t)arg0 == 18446744073709551615ULL'],
    ['port >= -9223372036854775808', true, '(int32_t)arg2 >= (-9223372036854775807 - 1)'],
    ['domain ~ "a*"', true, `substr(${DOMAIN}, 0, 1) == "a"`],
    ['domain ~ "a?"', false, undefined],
    // The whole may hold where this part does not.
    ['domain ~ "a?" || id == 1', false, undefined],
    ['domain ~ "a?" && id == 1', false, '(uint64_t)arg0 == 1'],
    ['!(domain ~ "a?" && id == 1)', false, undefined],
  ];
  for (const [text, all, predicate] of conditions) {
    it(`have as much of a condition as D can say: ${text}`, () => {
      const condition = parseCondition(text);
      assert.equal(isSayable(condition, [done]), all);
      const [, found] = /^\/(.*)\/$/m.exec(traceProgram(placed, undefined, condition, '<#>')) ?? [];
      assert.equal(found, predicate);
    });
  }

  it('have room for the texts that they compare with', () => {
    assert.equal(textBytes(parseCondition(`domain == "${'ï'.repeat(600)}" || port == 1`)), 1202);
  });

  it('are refused if they need what D cannot read', () => {
    const numbers = Array.from({ length: 12 }, (_, index) => argument(`n${index}`, 'unsigned', 8));
    const twelve = probeOf('twelve', ...numbers);
    checkReadable([twelve], ['n9', 'pid', 'another']);
    assert.throws(() => checkReadable([twelve], ['n10']), /DTrace cannot read n10, which is argument 10: it knows 10/);
    assert.throws(() => checkReadable([probeOf('x', argument('f', 'float', 8))], ['f']), /floating-point/);
  });
});

describe('What dtrace prints', () => {
  it('is read in whatever pieces it comes', () => {
    const whole = 'begin<#>1<#>2<#>end<#>\nevent<#>0<#>5<#>a\nend<#>\x00<#>end<#>\n\ncount<#>0<#>1<#>end<#>\n';
    const expected = [
      { type: 'begin', fields: ['1', '2'] },
      { type: 'event', fields: ['0', '5', 'a\nend', '\0'] },
      { type: 'count', fields: ['0', '1'] },
    ];
    for (let size = 1; size <= whole.length; size++) {
      const reader = new RecordReader('<#>');
      const read = [];
      for (let at = 0; at < whole.length; at += size) read.push(...reader.read(whole.slice(at, at + size)));
      assert.deepEqual(read, expected, `in pieces of ${size}`);
    }
  });

  it('has the values of an event', () => {
    const text = Buffer.from('naïve 😀\n"').toString('latin1');
    assert.deepEqual(valuesOf(done, undefined, ['18446744073709551615', '1', text, '-2147483648', '7', '1']), [
      2n ** 64n - 1n,
      'naïve 😀\n"',
      -(2 ** 31),
      undefined,
      7,
      true,
    ]);
    assert.deepEqual(valuesOf(done, ['domain', 'ok'], ['0', '', '0']), [
      ...[undefined, undefined, undefined, undefined, undefined],
      false,
    ]);
  });

  it('has the values of a group', () => {
    assert.deepEqual(keyOf(done, ['domain', 'port', 'pid'], ['', '-1', '4711']), ['', -1, 4711]);
  });

  // As DTrace for Linux 2.0.7 prints it; illumos, FreeBSD and macOS have the same in their libraries.
  const histogram = `
           value  ------------- Distribution ------------- count    
-4611686018427387904 |@@@@@@@@@@@@@@@                          4        
              -2 |                                         0        
              -1 |@@@@@@@@@@@@@@@                          4        
               0 |@@@                                      1        
               1 |                                         0        
               4 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@ 280      
4611686018427387904 |@                                        12       
`;

  it('has histograms', () => {
    assert.deepEqual(
      [...bucketsOf(histogram, argument('x', 'signed', -8))],
      [
        [-1, 8],
        [0, 1],
        [3, 280],
        [63, 12],
      ],
    );
    assert.deepEqual(
      [...bucketsOf(histogram, argument('x', 'unsigned', 8))],
      [
        [64, 8],
        [0, 1],
        [3, 280],
        [63, 12],
      ],
    );
  });

  it('tells what is lost', () => {
    const lost = (what: string, count: number) => ({ type: 'lost', what, count });
    // DTrace for Linux 2.0.7.
    assert.deepEqual(parseSaid('dtrace: 846 drops on CPU 0'), lost('events', 846));
    assert.deepEqual(
      parseSaid(
        'dtrace: error in dt_clause_1 for probe ID 2072 (demo139:node:hit:hit): invalid address (0x35a9e0a0) at BPF pc 264',
      ),
      lost('unreadable', 1),
    );
    // illumos, FreeBSD and macOS, by their source.
    assert.deepEqual(parseSaid('dtrace: 1 drop on CPU 3'), lost('events', 1));
    assert.deepEqual(parseSaid('dtrace: 12 aggregation drops on CPU 1'), lost('counts', 12));
    assert.deepEqual(
      parseSaid(
        'dtrace: error on enabled probe ID 2 (ID 92: smtp1:m:f:n): invalid address (0x0) in action #1 at DIF offset 28',
      ),
      lost('unreadable', 1),
    );
    assert.deepEqual(parseSaid('dtrace: pid 5 has exited'), { type: 'other', text: 'pid 5 has exited' });
  });

  const reasons: [said: string[], isRoot: boolean, reason: RegExp][] = [
    [['failed to initialize dtrace: DTrace requires additional privileges'], false, /^dtrace needs root/],
    [['run as root for tracing and listing probes'], false, /^dtrace needs root/],
    [['failed to initialize dtrace: DTrace device not available on system'], true, /kldload dtraceall/],
    [['usage: dtrace [--help] [-h | -G] [-C [-I<Path>]] -s File.d [-o <File>]'], true, /script of SystemTap/],
    [
      ['system integrity protection is on, some features will not be available', 'invalid probe specifier x: y'],
      true,
      /^invalid probe specifier x: y$/,
    ],
    [['No such process'], true, /another tracer holds it/],
    [[], true, /^it has ended$/],
  ];
  for (const [said, isRoot, reason] of reasons) {
    it(`has its reason: ${said.join('; ') || 'nothing'}`, () => {
      assert.match(reasonOf(said, isRoot), reason);
    });
  }
});
