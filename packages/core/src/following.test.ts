import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { promiseHooks } from 'node:v8';
import { follow, type Outcome } from './following.js';

describe('following a promise', () => {
  const { onInit } = promiseHooks;
  let hooks: number;
  beforeEach(() => {
    hooks = 0;
    promiseHooks.onInit = (init) => {
      hooks++;
      const stop = onInit(init);
      return () => {
        hooks--;
        stop();
      };
    };
  });
  afterEach(async () => {
    await promises(1000);
    promiseHooks.onInit = onInit;
  });

  const promises = async (times: number) => {
    for (let i = 0; i < times; i++) await null;
  };
  const told: string[] = [];
  const outcome: Outcome = {
    settled: () => told.push('settled'),
    fulfilled: (value) => told.push(`fulfilled ${value}`),
    rejected: (reason) => told.push(`rejected ${reason}`),
    unknown: () => told.push('unknown'),
  };

  it('needs hooks only while somebody wants to know', async () => {
    await promises(1000);
    const follower = { enabled: true };
    follow(Promise.resolve(1), follower, outcome);
    await promises(1000);
    assert.equal(hooks, 1);
    follower.enabled = false;
    await promises(1000);
    assert.equal(hooks, 0);
    follower.enabled = true;
    follow(Promise.resolve(2), follower, outcome);
    await turn();
    assert.equal(hooks, 1);
    follower.enabled = false;
    assert.deepEqual(told.splice(0), ['fulfilled 1', 'fulfilled 2']);
  });

  it('tells who waits for it at once before that goes on', async () => {
    const follower = { enabled: true };
    const followed = <Value>(promise: Promise<Value>) => {
      follow(promise, follower, outcome);
      return promise;
    };
    await followed((async () => 1)());
    assert.deepEqual(told.splice(0), ['fulfilled 1']);
    await followed(promises(2).then(() => 2));
    assert.deepEqual(told.splice(0), ['settled', 'fulfilled 2']);
    await Promise.all([followed(promises(1).then(() => 3)), followed(promises(2).then(() => 4))]);
    assert.deepEqual(told.splice(0), ['settled', 'fulfilled 3', 'settled', 'fulfilled 4']);
    follower.enabled = false;
  });

  it('hides no rejection of an async function that waits for what is no promise meanwhile', async () => {
    const others = process.listeners('unhandledRejection');
    const unhandled: unknown[] = [];
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', (reason) => unhandled.push(reason));
    const follower = { enabled: true };
    try {
      const rejects = async (reason: unknown) => {
        await promises(2);
        await reason;
        throw reason;
      };
      follow(rejects('nobody'), follower, outcome);
      const handled = rejects('somebody');
      follow(handled, follower, outcome);
      await handled.catch(() => {});
      await turn();
    } finally {
      process.removeAllListeners('unhandledRejection');
      for (const other of others) process.on('unhandledRejection', other);
      follower.enabled = false;
    }
    assert.deepEqual(unhandled, ['nobody']);
    assert.deepEqual(told.splice(0).sort(), ["rejected 'nobody'", 'rejected somebody', 'settled', 'settled']);
  });

  it('keeps no promise that is never settled', async () => {
    const follower = { enabled: true };
    let isCollected = false;
    const registry = new FinalizationRegistry(() => {
      isCollected = true;
    });
    const start = () => {
      const promise = new Promise(() => {});
      registry.register(promise, undefined);
      follow(promise, follower, outcome);
    };
    start();
    await turn();
    const { setFlagsFromString } = await import('node:v8');
    const { runInNewContext } = await import('node:vm');
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    setFlagsFromString('--no-expose-gc');
    for (let i = 0; i < 10; i++) {
      gc();
      await turn();
    }
    follower.enabled = false;
    assert.ok(isCollected);
    assert.deepEqual(told.splice(0), []);
  });

  it('tells of a promise that nobody handles, without handling it', async () => {
    const listeners = process.rawListeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    const reported: unknown[] = [];
    process.on('unhandledRejection', (_, promise) => reported.push(promise));
    const promise = Promise.reject(new Error('lost'));
    const follower = { enabled: true };
    follow(promise, follower, outcome);
    await turn();
    process.removeAllListeners('unhandledRejection');
    for (const listener of listeners) process.on('unhandledRejection', listener as () => void);
    follower.enabled = false;
    assert.deepEqual(reported, [promise]);
    assert.deepEqual(told.splice(0), ['rejected Error: lost']);
  });
});
