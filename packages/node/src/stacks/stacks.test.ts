import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Provider } from 'sonde';
import { record } from 'sonde/testing';
import { stacks, type stacksProbes, watchStacks } from './stacks.js';

const MAP = `/tmp/perf-${process.pid}.map`;
const DUMP = `/tmp/jit-${process.pid}.dump`;
const ROUNDS = 12;

describe('stacks', function () {
  this.timeout(30_000);
  const stacksOn = { enabled: false };
  const until = async (condition: () => boolean) => {
    for (let i = 0; !condition(); i++) {
      if (i === 1000) assert.fail('it took more than 10 s');
      await setTimeout(10);
    }
  };

  before(function () {
    if (process.platform !== 'linux') this.skip();
    watchStacks({
      stacksOn,
      stacksJitdump: { enabled: false },
      stacksReady: { fire() {} },
    } as unknown as Provider<typeof stacksProbes>);
  });

  it('leave a map alone that they did not make', () => {
    writeFileSync(MAP, '');
    stacks.disable();
    assert.ok(existsSync(MAP));
    rmSync(MAP);
  });

  it('do not hurt the program where a file cannot be removed', () => {
    assert.ok(stacks.enable().on, stacks.status().reason);
    rmSync(MAP);
    mkdirSync(MAP);
    try {
      stacks.disable();
      assert.deepEqual(stacks.status(), { on: false, wanted: [] });
    } finally {
      rmdirSync(MAP);
    }
  });

  it('go on where there can be no jitdump, and leave no map where they cannot begin', async () => {
    mkdirSync(DUMP);
    try {
      assert.match(stacks.enable({ jitdump: true }).reason!, /jit-\d+\.dump: /);
      assert.ok(!existsSync(MAP));
      stacks.disable();
      assert.ok(stacks.enable().on);
      const { on, reason } = stacks.enable({ jitdump: true });
      assert.ok(on);
      assert.match(reason!, /jit-\d+\.dump: /);
    } finally {
      stacks.disable();
      rmdirSync(DUMP);
    }
  });

  it('are not what a recorder wants', async () => {
    stacksOn.enabled = true;
    const recorder = record();
    try {
      await until(() => !stacks.status().on);
      await setTimeout(200);
      assert.deepEqual(stacks.status(), { on: false, wanted: [] });
    } finally {
      recorder.stop();
    }
    await until(() => stacks.status().on);
    stacksOn.enabled = false;
    await until(() => !stacks.status().on);
    stacks.disable();
    assert.ok(!existsSync(MAP));
  });

  it('listen for the end of the process once, however often a tracer comes', async () => {
    const before = process.listenerCount('exit');
    for (let i = 0; i < ROUNDS; i++) {
      stacksOn.enabled = true;
      await until(() => stacks.status().on);
      stacksOn.enabled = false;
      await until(() => !stacks.status().on);
      assert.equal(process.listenerCount('exit'), before + 1);
    }
    stacks.disable();
    assert.equal(process.listenerCount('exit'), before);
    assert.ok(!existsSync(MAP));
  });
});
