// With Deno itself: test/environments.
import assert from 'node:assert/strict';
import { isAllowed, variable } from './deno.js';

describe('what Deno allows', () => {
  const shared = globalThis as { Deno?: unknown };

  beforeEach(() => {
    process.env.SONDE_TEST = 'value';
  });

  afterEach(() => {
    delete process.env.SONDE_TEST;
    delete shared.Deno;
  });

  it('is everything where this is not Deno, whatever else a program calls so', () => {
    for (const other of [undefined, 7, {}, { permissions: {} }]) {
      shared.Deno = other;
      assert.equal(isAllowed({ name: 'ffi' }), true);
      assert.equal(variable('SONDE_TEST'), 'value');
      assert.equal(variable('SONDE_TEST_OTHER'), undefined);
    }
  });

  it('is what it was told to allow: nothing else is tried, since Deno would ask the user', () => {
    const asked: unknown[] = [];
    const querySync = (permission: { name: string }) => {
      asked.push(permission);
      return { state: permission.name === 'ffi' ? 'granted' : 'prompt' };
    };
    shared.Deno = { permissions: { querySync } };
    assert.deepEqual([isAllowed({ name: 'ffi' }), isAllowed({ name: 'write', path: '/tmp' })], [true, false]);
    assert.equal(variable('SONDE_TEST'), undefined);
    assert.deepEqual(asked, [
      { name: 'ffi' },
      { name: 'write', path: '/tmp' },
      { name: 'env', variable: 'SONDE_TEST' },
    ]);
  });
});
