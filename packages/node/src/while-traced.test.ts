import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { whileTraced } from './while-traced.js';

describe('whileTraced', () => {
  const calls: string[] = [];
  const watch = (...probes: { enabled: boolean }[]) =>
    whileTraced(
      probes,
      () => calls.push('on'),
      () => calls.push('off'),
    );

  beforeEach(() => {
    calls.length = 0;
  });

  it('calls `on` at once where a probe is traced already', () => {
    const end = watch({ enabled: false }, { enabled: true });
    assert.deepEqual(calls, ['on']);
    end();
    assert.deepEqual(calls, ['on', 'off']);
    end();
    assert.deepEqual(calls, ['on', 'off']);
  });

  it('calls `on` with the first probe that is traced and `off` with the last one that is not', async () => {
    const [first, second] = [{ enabled: false }, { enabled: false }];
    const end = watch(first, second);
    const after = async (change: () => void) => {
      change();
      await setTimeout(100);
      return calls.splice(0);
    };
    assert.deepEqual(await after(() => {}), []);
    assert.deepEqual(await after(() => Object.assign(second, { enabled: true })), ['on']);
    assert.deepEqual(await after(() => Object.assign(first, { enabled: true })), []);
    assert.deepEqual(await after(() => Object.assign(second, { enabled: false })), []);
    assert.deepEqual(await after(() => Object.assign(first, { enabled: false })), ['off']);
    assert.deepEqual(await after(() => Object.assign(first, { enabled: true })), ['on']);
    end();
    assert.deepEqual(await after(() => Object.assign(first, { enabled: false })), ['off']);
  });

  it('goes on when what it calls throws', async () => {
    const throwing = { enabled: true };
    const fail = () => {
      throw new Error('no');
    };
    const ends = [whileTraced([throwing], fail, fail), watch({ enabled: true })];
    throwing.enabled = false;
    await setTimeout(100);
    for (const end of ends) end();
    assert.deepEqual(calls, ['on', 'off']);
  });

  it('does not hold the process open', () => {
    const module = new URL('while-traced.js', import.meta.url).href;
    const program = `import { whileTraced } from '${module}'; whileTraced([{ enabled: false }], () => {}, () => {});`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 10_000 });
    assert.deepEqual([status, String(stderr)], [0, '']);
  });
});
