import assert from 'node:assert/strict';
import type { Argument } from '@sonde/core';
import type { NativeArgument, NativeType, ProbeDefinition } from '@sonde/core/internal';
import { describeEvent, fieldsOf } from './user-events.js';

describe('A probe as a user event', () => {
  it('has the largest fields first, otherwise in the order of the definition', () => {
    const fields = fieldsOf(
      probe(['int8', 'a'], ['uint64', 'b'], ['string', 'c'], ['boolean', 'd'], ['uint16', 'e'], ['int64', 'f']),
    );
    assert.equal(
      describeEvent('smtp_all', fields),
      'smtp_all u64 b; s64 f; int a; __data_loc char[] c; unsigned short e; unsigned char d',
    );
    assert.deepEqual(
      fields.map(({ slot, size }) => [slot, size]),
      [
        [1, 8],
        [5, 8],
        [0, 4],
        [2, 0],
        [4, 2],
        [3, 1],
      ],
    );
  });

  it('may have no fields', () => {
    assert.equal(describeEvent('smtp_idle', fieldsOf(probe())), 'smtp_idle');
  });

  it('has bytes as their address and length', () => {
    const fields = fieldsOf(probe(['bytes', 'body']));
    assert.equal(describeEvent('smtp_data', fields), 'smtp_data u64 body; u64 body_length');
  });

  it('leaves texts that fit as they are', () => {
    const fields = fieldsOf({
      ...probe(['string', 'a'], ['string', 'b']),
      arguments: [limited('a', 100), limited('b', 2000)],
    });
    assert.deepEqual(
      fields.map(({ limit }) => limit),
      [100, 2000],
    );
  });

  it('has room for 4032 bytes, which texts share: what short ones leave is for the long ones', () => {
    const alone = fieldsOf(probe(['string', 'a']));
    assert.deepEqual(
      alone.map(({ limit }) => limit),
      [4032 - 4 - 1],
    );
    const fields = fieldsOf({
      ...probe(['string', 'a'], ['string', 'b'], ['string', 'c'], ['uint64', 'n']),
      arguments: [limited('a', 4095), limited('b', 31), limited('c', 2 ** 20), { name: 'n', type: 'uint64' }],
    });
    const limits = Object.fromEntries(fields.map(({ name, limit }) => [name, limit]));
    assert.deepEqual(limits, { n: 0, a: 1989, b: 31, c: 1989 });
    assert.equal(8 + 3 * 4 + 1989 + 1 + 31 + 1 + 1989 + 1, 4032);
  });

  it('is refused when the kernel would not take its description, and says so', () => {
    const long = (length: number) => 'x'.repeat(length);
    const fields = fieldsOf(probe(['int32', long(60)], ['int32', `${long(59)}y`]));
    const rest = describeEvent('', fields).length + 1;
    assert.equal(describeEvent(long(511 - rest), fields).length, 511);
    assert.throws(() => describeEvent(long(512 - rest), fields), {
      message: /^the kernel takes 511 bytes to describe an event, and x+ with the names of its arguments has 512$/,
    });
  });

  it('is refused when an argument has a name like those that every tracepoint has', () => {
    assert.throws(() => describeEvent('smtp_all', fieldsOf(probe(['int32', 'common_pid']))), {
      message: /^argument common_pid of smtp_all has a name like those/,
    });
  });
});

function probe(...list: [type: Exclude<Argument['type'], 'json' | 'stack'>, name: string][]): ProbeDefinition {
  return {
    name: 'probe',
    arguments: list.map(([type, name]) => (type === 'string' ? limited(name, 4095) : { type, name })),
    native: list.flatMap(([type, name]): NativeArgument[] =>
      type === 'bytes'
        ? [
            { name, type: 'pointer' },
            { name: `${name}_length`, type: 'uint64' },
          ]
        : [{ name, type: type as NativeType }],
    ),
  };
}

const limited = (name: string, limit: number): Argument => ({ type: 'string', name, limit });
