// @sonde/usdt does what usdt 0.2.0 does. The original needs libstapsdt and compiles on no Node.js
// that sonde runs on, and has no stub: so nothing can be run beside it.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as imported from '@sonde/usdt';
import { type Recorder, record } from 'sonde/testing';

const usdt: typeof imported = createRequire(import.meta.url)('@sonde/usdt');
/** What JavaScript lets pass. */
// biome-ignore lint/suspicious/noExplicitAny: wrong on purpose
const Provider = usdt.USDTProvider as any;

describe('@sonde/usdt', () => {
  let recorder: Recorder;

  beforeEach(() => {
    recorder = record();
  });

  afterEach(() => {
    recorder.stop();
  });

  const fired = () => recorder.fired.map(({ probe, values }) => [probe, ...Object.values(values)]);

  it('exports USDTProvider, to CommonJS and ES modules; not as a global variable, as the original does', () => {
    assert.deepEqual(Object.keys(usdt), ['USDTProvider']);
    assert.equal(imported.USDTProvider, usdt.USDTProvider);
    assert.equal('USDTProvider' in globalThis, false);
  });

  it('wants a name that is a string; any string', () => {
    for (const name of [undefined, 7, null, {}]) {
      assert.throws(() => new Provider(name), { name: 'TypeError', message: 'Must give provider name as argument' });
    }
    for (const name of ['', 'pid', 'a b', '1', 'x'.repeat(300)]) assert.ok(new Provider(name));
    assert.throws(() => Provider('p'), { name: 'TypeError' });
  });

  it('has addProbe, enable and disable, and neither fire nor removeProbe', () => {
    const provider = new Provider('p');
    assert.deepEqual(
      ['addProbe', 'enable', 'disable', 'fire', 'removeProbe'].map((name) => typeof provider[name]),
      ['function', 'function', 'function', 'undefined', 'undefined'],
    );
    assert.deepEqual(
      [provider.enable(), provider.enable(), provider.disable(), provider.disable()],
      Array(4).fill(undefined),
    );
  });

  it('makes a probe that is the property of its name, and has its provider', () => {
    const provider = new Provider('p');
    const probe = provider.addProbe('firstProbe', 'int', 'char *');
    assert.equal(probe.constructor.name, 'USDTProbe');
    assert.deepEqual(Object.keys(provider), ['firstProbe']);
    assert.equal(provider.firstProbe, probe);
    assert.deepEqual(Object.getOwnPropertyDescriptor(probe, '__prov__'), {
      value: provider,
      configurable: false,
      enumerable: false,
      writable: false,
    });
  });

  it('fires what the callback returns, while the provider is enabled', () => {
    const provider = new Provider('p');
    const probe = provider.addProbe('firstProbe', 'int', 'char *');
    const fire = () =>
      probe.fire(
        function (this: unknown, ...args: unknown[]) {
          return this === probe ? args : undefined;
        },
        1,
        'My little string',
      );
    assert.equal(fire(), undefined);
    provider.enable();
    assert.equal(fire(), true);
    provider.enable();
    assert.equal(fire(), true, 'in the original, a second enable loses the tracer');
    provider.disable();
    assert.equal(fire(), undefined);
    assert.deepEqual(fired(), Array(2).fill(['firstProbe', 1, 'My little string']));
  });

  it('wants a callback, enabled or not; one that throws or returns no array fires nothing', () => {
    const provider = new Provider('p');
    const probe = provider.addProbe('a', 'int');
    const message = 'Must give probe value callback as first argument';
    assert.throws(() => probe.fire(), { name: 'TypeError', message });
    provider.enable();
    assert.throws(() => probe.fire('x'), { name: 'TypeError', message });
    assert.throws(() => probe.fire.call({}, () => []), { name: 'TypeError', message: 'Illegal invocation' });
    const throwing = () => {
      throw new Error('callback');
    };
    for (const callback of [throwing, () => 7, () => undefined]) assert.equal(probe.fire(callback), undefined);
    assert.deepEqual(fired(), []);
  });

  it('ignores types beyond the sixth', () => {
    const provider = new Provider('p');
    const probe = provider.addProbe('a', ...Array(9).fill('int'));
    provider.enable();
    probe.fire(() => [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(fired(), [['a', 1, 2, 3, 4, 5, 6]]);
  });

  it('keeps signs and 64 bits of numbers, which the original cuts to 32 without a sign', () => {
    const provider = new Provider('p');
    const types = ['int', 'int32', 'uint64', 'unsigned long', 'long', 'size_t'];
    const probe = provider.addProbe('a', ...types);
    provider.enable();
    probe.fire(() => [-1, -(2 ** 40), 2 ** 53 - 1, '42', 1.9, undefined]);
    assert.deepEqual(fired(), [['a', -1, -(2 ** 40), 2 ** 53 - 1, 42, 1, 0]]);
  });

  it('takes char * and what it does not know for texts, where the original would hand out a number for an address', () => {
    const provider = new Provider('p');
    const probe = provider.addProbe('a', 'char *', 'unsigned char *', 'something', 'json');
    provider.enable();
    probe.fire(() => [42, 'b', null, { d: 1 }]);
    assert.deepEqual(fired(), [['a', '42', 'b', 'null', '{"d":1}']]);
  });

  it('has probes that are added after enable, and two of one name', () => {
    const provider = new Provider('p');
    provider.enable();
    const probes = [
      provider.addProbe('a', 'int'),
      provider.addProbe('a', 'char *'),
      provider.addProbe('log-info', 'int'),
    ];
    for (const probe of probes)
      assert.equal(
        probe.fire(() => [1]),
        true,
      );
    assert.deepEqual(fired(), [
      ['a', 1],
      ['a', '1'],
      ['log__info', 1],
    ]);
  });
});
