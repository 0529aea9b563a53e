import assert from 'node:assert/strict';
import { boolean, bytes, int64, json, provider, stack, string, uint64 } from './index.js';
import { record } from './testing.js';

describe('the recorder', () => {
  it('keeps what is fired while it is on, with values as a tracer would see them', () => {
    const own = provider('recorded', {
      everything: [int64('i'), uint64('u'), boolean('b'), string('s', { limit: 3 }), json('j'), bytes('y'), stack('w')],
    });
    own.everything.fire(1, 2n, true, 'before', null, new Uint8Array(1));
    {
      using recorder = record();
      assert.equal(own.everything.enabled, true);
      const body = Uint8Array.of(1, 2);
      own.everything.fire(-5n, 2n ** 64n - 1n, false, 'a\0b', { x: [1] }, body);
      body.fill(9);
      const [{ provider, probe, values }] = recorder.fired as [(typeof recorder.fired)[number]];
      assert.deepEqual([provider, probe], ['recorded', 'everything']);
      assert.match(values.w as string, /^Context\.<anonymous> \(/);
      assert.deepEqual(
        { ...values, w: '' },
        { i: -5, u: 2n ** 64n - 1n, b: false, s: 'a', j: '{"x":[1]}', y: Uint8Array.of(1, 2), w: '' },
      );
      recorder.clear();
      assert.equal(recorder.fired.length, 0);
    }
    assert.equal(own.everything.enabled, false);
    own.unload();
  });

  it('keeps a copy of bytes, whatever becomes of the memory that they were in', () => {
    using recorder = record();
    const own = provider('copied', { probe: [bytes('y')] });
    const buffer = Buffer.from('before');
    own.probe.fire(buffer);
    buffer.fill(0);
    const detached = new Uint8Array(8);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    own.probe.fire(detached);
    const seen = recorder.of('copied', 'probe').map(({ values }) => Buffer.from(values.y as Uint8Array).toString());
    assert.deepEqual(seen, ['before', '']);
    own.unload();
  });

  it('records providers that are defined while it is on, and leaves them inactive', () => {
    const recorder = record();
    const own = provider('late', { probe: [string('s')] });
    own.probe.fireWith(() => ['lazily']);
    assert.deepEqual(recorder.of('late', 'probe'), [{ provider: 'late', probe: 'probe', values: { s: 'lazily' } }]);
    recorder.stop();
    own.probe.fireWith(() => assert.fail('nobody traces'));
    own.unload();
  });

  it('is one at a time', () => {
    const recorder = record();
    assert.throws(() => record(), { code: 'SONDE_RECORDER', message: /stop\(\) it/ });
    recorder.stop();
    recorder.stop();
    record().stop();
  });
});
