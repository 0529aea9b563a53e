import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext, runInThisContext } from 'node:vm';
import { record } from 'sonde/testing';
import { type Addon, getAddon } from '../addon.js';
import { stacksProbes } from '../probes.js';
import { byHand } from '../test-probes.js';
import { stacks, watchStacks } from './stacks.js';

const MAP = `/tmp/perf-${process.pid}.map`;
const DUMP = `/tmp/jit-${process.pid}.dump`;
const ROUNDS = 12;
const MOST_COLLECTIONS = 10;

describe('stacks', function () {
  this.timeout(30_000);
  let traced: ReturnType<typeof node>;
  const node = () => byHand('stacks_by_hand', stacksProbes);
  const until = async (condition: () => boolean) => {
    for (let i = 0; !condition(); i++) {
      if (i === 1000) assert.fail('it took more than 10 s');
      await setTimeout(10);
    }
  };

  before(function () {
    if (process.platform !== 'linux') {
      if (process.env.CI) throw new Error(`names are for Linux, and this is ${process.platform}`);
      console.warn(`\n  NOT TESTED: names in stacks, since this is ${process.platform}\n`);
      this.skip();
    }
    traced = node();
    watchStacks(traced.provider);
  });

  // A recorder would trace it.
  after(() => traced?.provider.unload());

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
      assert.match(stacks.enable({ jitdump: true }).reason!, /jit-\d+\.dump is there/);
      assert.ok(!existsSync(MAP));
      stacks.disable();
      assert.ok(stacks.enable().on);
      const { on, reason } = stacks.enable({ jitdump: true });
      assert.ok(on);
      assert.match(reason!, /jit-\d+\.dump is there/);
    } finally {
      stacks.disable();
      rmdirSync(DUMP);
    }
  });

  it('are not what a recorder wants', async () => {
    traced.trace('stacksOn', true);
    const recorder = record();
    try {
      await until(() => !stacks.status().on);
      await setTimeout(200);
      assert.deepEqual(stacks.status(), { on: false, wanted: [] });
    } finally {
      recorder.stop();
    }
    await until(() => stacks.status().on);
    traced.trace('stacksOn', false);
    await until(() => !stacks.status().on);
    stacks.disable();
    assert.ok(!existsSync(MAP));
  });

  it('listen for nothing, and hold nothing, however often a tracer comes', async () => {
    const listeners = () => process.eventNames().map((name) => [name, process.listenerCount(name)]);
    const before = listeners();
    for (let i = 0; i < ROUNDS; i++) {
      traced.trace('stacksOn', true);
      await until(() => stacks.status().on);
      assert.deepEqual(listeners(), before);
      traced.trace('stacksOn', false);
      await until(() => !stacks.status().on);
      assert.deepEqual(listeners(), before);
    }
    stacks.disable();
    assert.ok(!existsSync(MAP));
  });

  it('keep no names of code that is gone, also where nobody looks for their lines', () => {
    const addon = getAddon() as Required<Addon>;
    const codeOn = () => addon.codeOn(MAP, '', false);
    codeOn();
    // It would keep them.
    setFlagsFromString('--no-compilation-cache');
    try {
      addon.codeNames(Number.MAX_SAFE_INTEGER);
      for (let i = 0; i < 5000; i++)
        runInThisContext(`(function f() { return ${i} })()`, { filename: `/none/${i}.js` });
      // All the code of this process has names.
      const names = () =>
        addon.codeNames(Number.MAX_SAFE_INTEGER).filter((each) => /^\/none\//.test(String(each))).length;
      assert.ok(names() >= 5000);
      let left = Number.POSITIVE_INFINITY;
      // Where marking is under way already, a collection keeps what has died since it began.
      for (let i = 0; i < MOST_COLLECTIONS && left >= 500; i++) {
        collect();
        // Everything is told anew, and the file is written.
        codeOn();
        addon.codeFlush();
        left = names();
      }
      assert.ok(left < 500, `${left} of 10000 names are left`);
    } finally {
      setFlagsFromString('--compilation-cache');
      addon.codeOff();
      addon.codeRemove();
    }
  });

  it('say where a file cannot be made', () => {
    const addon = getAddon() as Required<Addon>;
    assert.throws(
      () => addon.codeOn('/none/perf-1.map', '', false),
      /^Error: \/none\/perf-1\.map: No such file or directory$/,
    );
    assert.throws(
      () => addon.codeOn(MAP, '/none/jit-1.dump', false),
      /^Error: \/none\/jit-1\.dump: No such file or directory$/,
    );
    assert.ok(!existsSync(MAP));
  });
});

function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  setFlagsFromString('--no-expose-gc');
}
