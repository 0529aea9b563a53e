import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseOperands } from './index.js';

describe('parseOperands', () => {
  const cases: [string, [size: number, operand: string, float?: boolean][]][] = [
    ['', []],
    ['   ', []],
    ['8@%rdi', [[8, '%rdi']]],
    [
      '-4@%edi 8@-8(%rbp)',
      [
        [-4, '%edi'],
        [8, '-8(%rbp)'],
      ],
    ],
    [
      '-4@$5 -4@$-1 8@$0x10',
      [
        [-4, '$5'],
        [-4, '$-1'],
        [8, '$0x10'],
      ],
    ],
    [
      '8f@%xmm0 4f@.LC1(%rip) -8f@%xmm1',
      [
        [8, '%xmm0', true],
        [4, '.LC1(%rip)', true],
        [-8, '%xmm1', true],
      ],
    ],
    [
      '4@counter(%rip) 8@(%rax,%rbx,8) 4@counter+4(%rip)',
      [
        [4, 'counter(%rip)'],
        [8, '(%rax,%rbx,8)'],
        [4, 'counter+4(%rip)'],
      ],
    ],
    [
      '8@[sp] 8@[sp, 16] -4@x3',
      [
        [8, '[sp]'],
        [8, '[sp, 16]'],
        [-4, 'x3'],
      ],
    ],
    [
      '8@[x0, x1, lsl 2] 1@w2',
      [
        [8, '[x0, x1, lsl 2]'],
        [1, 'w2'],
      ],
    ],
    [
      '8@lo(sym)(9) 4@ 8@%rax',
      [
        [8, 'lo(sym)(9)'],
        [4, ''],
        [8, '%rax'],
      ],
    ],
    ['%rdi', [[0, '%rdi']]],
    ['8@buffer@GOTPCREL(%rip)', [[8, 'buffer@GOTPCREL(%rip)']]],
    ['buffer@GOT', [[0, 'buffer@GOT']]],
    [
      '-@%rax f@%rax @%rax',
      [
        [0, '-@%rax'],
        [0, 'f@%rax'],
        [0, '@%rax'],
      ],
    ],
    ['8@(%rdi 4@%esi', [[8, '(%rdi 4@%esi']]],
    [
      '8@)%rdi 4@%esi',
      [
        [8, ')%rdi'],
        [4, '%esi'],
      ],
    ],
  ];
  for (const [text, expected] of cases) {
    it(`takes ${JSON.stringify(text)} apart`, () => {
      assert.deepEqual(
        parseOperands(text),
        expected.map(([size, operand, float = false]) => ({ size, float, operand })),
      );
    });
  }

  it('loses nothing of any text but the spaces between', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'-8f@%r ([,)]\t$') }), (text) => {
        const again = parseOperands(text)
          .map(({ size, float, operand }) => (size === 0 && !float ? operand : `${size}${float ? 'f' : ''}@${operand}`))
          .join('');
        assert.equal(again.replaceAll(/\s/g, ''), text.replaceAll(/\s/g, ''));
      }),
      { numRuns: 1000 },
    );
  });
});
