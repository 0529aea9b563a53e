import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import { int32, json, provider, stack, status, string } from './index.js';
import { record } from './testing.js';

describe('a provider', () => {
  it('is withdrawn by unload and by `using`, and its probes stay silently disabled', () => {
    using recorder = record();
    const own = provider('withdrawn', { probe: [] });
    own.probe.fire();
    own.unload();
    own.unload();
    assert.equal(own.probe.enabled, false);
    own.probe.fire();
    {
      using scoped = provider('scoped', { probe: [] });
      scoped.probe.fire();
    }
    assert.deepEqual(
      recorder.fired.map(({ provider }) => provider),
      ['withdrawn', 'scoped'],
    );
  });

  it('shows its probes and hides what is theirs', () => {
    const own = provider('shown', { sessionStart: [], 'log-info': [] });
    assert.deepEqual(Object.keys(own), ['sessionStart', 'log-info']);
    assert.deepEqual(Object.keys(own.sessionStart), []);
    assert.deepEqual({ ...own.sessionStart }, {});
    assert.equal(JSON.stringify(own), '{"sessionStart":{},"log-info":{}}');
    assert.doesNotMatch(inspect(own), /Uint8Array/);
    assert.throws(() => Object.assign(own, { sessionStart: 1 }), TypeError);
    own.unload();
  });

  it('takes names that objects have of their own', () => {
    const keys = ['toString', 'constructor', 'hasOwnProperty', 'then', '__proto__'];
    const own = provider('objects', Object.fromEntries(keys.map((key) => [key, []])));
    for (const key of keys) assert.equal((own[key] as { enabled: boolean }).enabled, false);
    own.unload();
  });

  it('stays known while any of its probes is', async () => {
    if (!globalThis.gc) {
      const { setFlagsFromString } = await import('node:v8');
      setFlagsFromString('--expose-gc');
      globalThis.gc = (await import('node:vm')).runInNewContext('gc');
    }
    let { probe } = provider('kept', { probe: [] }) as { probe: { fire(): void } | undefined };
    const known = () => status().providers.some(({ name }) => name === 'kept');
    const collect = async () => {
      for (let i = 0; i < 3; i++) {
        await new Promise((resolve) => setImmediate(resolve));
        globalThis.gc!();
      }
    };
    await collect();
    assert.equal(known(), true);
    probe!.fire();
    probe = undefined;
    await collect();
    assert.equal(known(), false);
  });

  it('may be connected after a method was bound, and withdrawn: bound, it is enabled when the probe is', () => {
    const own = provider('bound', { probe: [int32('i')] });
    const fire = own.probe.fire.bind(own.probe) as (value: number) => void;
    const fireWith = own.probe.fireWith.bind(own.probe) as (values: () => unknown) => void;
    const recorder = record();
    fire(1);
    fireWith(() => [2]);
    const bound = own.probe.fire.bind(own.probe) as (value: number) => void;
    assert.equal(recorder.fired.length, 2);
    recorder.stop();
    bound(3);
    own.unload();
    bound(4);
    fireWith(() => assert.fail('nobody traces'));
    assert.equal(recorder.fired.length, 2);
  });

  it('counts values that do not fit, and a fireWith that fails, and never throws', () => {
    using recorder = record();
    const own = provider('counting', { probe: [int32('i'), string('s')] });
    const fire = own.probe.fire.bind(own.probe) as (...values: unknown[]) => void;
    const fireWith = own.probe.fireWith.bind(own.probe) as (values: unknown) => void;
    fire(1, 'fits');
    fire('1', 1);
    fire();
    fire(1, 'x', 'one too many');
    fireWith(() => [2, 'y']);
    fireWith(() => {
      throw new Error('mine');
    });
    fireWith(() => 'no list');
    fireWith('no function');
    assert.deepEqual(
      recorder.fired.map(({ values }) => values),
      [
        { i: 1, s: 'fits' },
        { i: 0, s: '<not a string: number>' },
        { i: 0, s: '<not a string: undefined>' },
        { i: 1, s: 'x' },
        { i: 2, s: 'y' },
      ],
    );
    assert.equal(status().providers.find(({ name }) => name === 'counting')!.probes[0]!.errors, 2 + 2 + 3);
    own.unload();
  });

  it('fires with the stack used up nearly or wholly, and with Error changed by the program', () => {
    using recorder = record();
    const own = provider('strained', { probe: [json('j'), stack('w', { depth: 2 })] });
    const { prepareStackTrace, stackTraceLimit } = Error;
    const exhaust = (): void => {
      own.probe.fire({ toJSON: () => 1 });
      exhaust();
    };
    assert.throws(exhaust, RangeError);
    recorder.clear();
    try {
      Error.prepareStackTrace = () => {
        throw new Error('prepareStackTrace');
      };
      Error.stackTraceLimit = 0;
      own.probe.fire(1);
      assert.equal(Error.stackTraceLimit, 0);
    } finally {
      Error.prepareStackTrace = prepareStackTrace!;
      Error.stackTraceLimit = stackTraceLimit;
    }
    const lines = (recorder.fired[0]!.values.w as string).split('\n');
    assert.equal(lines.length, 2);
    assert.match(lines[0]!, /provider\.test\.[jt]s/);
    own.unload();
  });

  it('leaves Error as it was, and goes on, when vm ends what runs in the middle of a fire', async () => {
    using recorder = record();
    const own = provider('ended', { probe: [json('j'), stack('w')] });
    const fire = (value: unknown) => own.probe.fire(value);
    const endless = (code: string) =>
      assert.throws(() => runInNewContext(code, { fire }, { timeout: 2 }), { code: 'ERR_SCRIPT_EXECUTION_TIMEOUT' });
    const before = Object.getOwnPropertyDescriptors(Error);
    const prepare = () => 'mine';
    try {
      Error.prepareStackTrace = prepare;
      const inForce = Object.getOwnPropertyDescriptors(Error);
      for (let i = 0; i < 100; i++) {
        endless('for (;;) fire(1)');
        await turn();
        assert.deepEqual(Object.getOwnPropertyDescriptors(Error), inForce);
      }
    } finally {
      Object.defineProperties(Error, before);
      if (!before.prepareStackTrace) Reflect.deleteProperty(Error, 'prepareStackTrace');
    }
    endless('fire({ toJSON() { for (;;); } })');
    recorder.clear();
    fire(1);
    await turn();
    fire(2);
    assert.equal(recorder.fired.at(-1)!.values.j, '2');
    own.unload();
  });

  it('leaves Error as it was, whatever the program made of it and however a capture ends', () => {
    using recorder = record();
    const own = provider('error', { probe: [stack('w')] });
    const before = Object.getOwnPropertyDescriptors(Error);
    own.probe.fire();
    assert.deepEqual(Object.getOwnPropertyDescriptors(Error), before);
    const prepare = () => 'mine';
    try {
      Error.prepareStackTrace = prepare;
      const exhaust = (): void => {
        own.probe.fire();
        exhaust();
      };
      assert.throws(exhaust, RangeError);
      assert.equal(Error.prepareStackTrace, prepare);
      assert.equal(Error.stackTraceLimit, before.stackTraceLimit!.value);
      const get = () => assert.fail('called');
      Object.defineProperty(Error, 'prepareStackTrace', { get, set: get, configurable: true });
      own.probe.fire();
      assert.equal(recorder.fired.at(-1)!.values.w, '<no stack>');
    } finally {
      delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
      Object.defineProperties(Error, before);
    }
    own.unload();
  });

  it('ends where a toJSON fires json itself', () => {
    using recorder = record();
    const own = provider('again', { probe: [json('j')] });
    const value = {
      toJSON() {
        own.probe.fire(value);
        own.probe.fire(value);
        return 1;
      },
    };
    own.probe.fire(value);
    assert.deepEqual(
      recorder.fired.map(({ values }) => values.j),
      ['<not JSON: fired while JSON was made>', '<not JSON: fired while JSON was made>', '1'],
    );
    own.unload();
  });

  it('fires from within its own values', () => {
    using recorder = record();
    const own = provider('nested', { outer: [json('j')], inner: [string('s')] });
    own.outer.fire({
      toJSON() {
        own.inner.fire('inside');
        return 'outside';
      },
    });
    assert.deepEqual(
      recorder.fired.map(({ probe, values }) => [probe, ...Object.values(values)]),
      [
        ['inner', 'inside'],
        ['outer', '"outside"'],
      ],
    );
    own.unload();
  });
});
