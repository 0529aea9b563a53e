import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { record } from 'sonde/testing';
import { byHand } from './test-probes.js';
import { whileTraced } from './while-traced.js';

describe('whileTraced', () => {
  const calls: string[] = [];
  let traced: ReturnType<typeof two>;
  const two = () => byHand('while_traced', { first: [], second: [] });
  const watch = () => {
    const { first, second } = traced.provider;
    return whileTraced(
      [first, second],
      () => calls.push('on'),
      () => calls.push('off'),
    );
  };

  beforeEach(() => {
    calls.length = 0;
    traced = two();
  });

  afterEach(() => traced.provider.unload());

  it('calls `on` at once where a probe is traced already', () => {
    traced.trace('second', true);
    const end = watch();
    assert.deepEqual(calls, ['on']);
    end();
    assert.deepEqual(calls, ['on', 'off']);
    end();
    assert.deepEqual(calls, ['on', 'off']);
  });

  it('calls `on` with the first probe that is traced and `off` with the last one that is not', () => {
    const end = watch();
    const after = (key: 'first' | 'second', isTraced: boolean) => {
      traced.trace(key, isTraced);
      return calls.splice(0);
    };
    assert.deepEqual(calls, []);
    assert.deepEqual(after('second', true), ['on']);
    assert.deepEqual(after('first', true), []);
    assert.deepEqual(after('second', false), []);
    assert.deepEqual(after('first', false), ['off']);
    assert.deepEqual(after('first', true), ['on']);
    end();
    assert.deepEqual(after('first', false), ['off']);
    assert.deepEqual(after('first', true), []);
  });

  it('goes on when what it calls throws, and when it is ended by it', () => {
    const fail = () => {
      throw new Error('no');
    };
    const { first } = traced.provider;
    const ends = [whileTraced([first], fail, fail), whileTraced([first], () => ends[1]!(), fail), watch()];
    traced.trace('first', true);
    traced.trace('first', false);
    for (const end of ends) end();
    assert.deepEqual(calls, ['on', 'off']);
  });

  it('follows its probes to a recorder and back, and not when they were unloaded', () => {
    const end = watch();
    const recorder = record();
    assert.deepEqual(calls, ['on']);
    recorder.stop();
    assert.deepEqual(calls, ['on', 'off']);
    traced.provider.unload();
    record().stop();
    assert.deepEqual(calls, ['on', 'off']);
    end();
  });

  it('does not hold the process open', () => {
    const program = `
      import { provider } from 'sonde';
      import { whileTraced } from '${new URL('while-traced.js', import.meta.url).href}';
      whileTraced([provider('not_held', { open: [] }).open], () => {}, () => {});`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: new URL('.', import.meta.url),
      timeout: 10_000,
    });
    assert.deepEqual([status, String(stderr)], [0, '']);
  });
});
