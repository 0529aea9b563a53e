import assert from 'node:assert/strict';
import { channel, hasSubscribers, tracingChannel } from 'node:diagnostics_channel';
import { setTimeout } from 'node:timers/promises';
import { json, string, uint32, uint64 } from 'sonde';
import { type Recorder, record } from 'sonde/testing';
import { type Bridge, bridge } from './bridge.js';

describe('bridge', () => {
  let recorder: Recorder;
  let built: Bridge | undefined;
  const build = (...args: Parameters<typeof bridge>) => {
    built = bridge(...args);
  };
  const fired = (probe: string) =>
    recorder.fired.filter((entry) => entry.probe === probe).map(({ values }) => Object.values(values));

  beforeEach(() => {
    recorder = record();
  });
  afterEach(() => {
    built?.unload();
    built = undefined;
    recorder.stop();
  });

  it('makes a probe of a channel, with the fields that it is told', () => {
    build('mail:queue:full', {
      fields: {
        'queue.name': string('queue'),
        'queue.size': uint32('size'),
        missing: string('missing'),
        count: string('count'),
        '': json('all'),
      },
    });
    const message = { queue: { name: 'out', size: 7 }, count: 3 };
    channel('mail:queue:full').publish(message);
    assert.deepEqual(
      recorder.fired.map(({ provider, probe }) => [provider, probe]),
      [['mail', 'queue__full']],
    );
    assert.deepEqual(fired('queue__full'), [['out', 7, '', '3', JSON.stringify(message)]]);
  });

  it('is subscribed only while it is traced', async () => {
    build('mail:sent');
    assert.ok(hasSubscribers('mail:sent'));
    recorder.stop();
    await setTimeout(120);
    assert.ok(!hasSubscribers('mail:sent'));
  });

  it('makes an operation of a TracingChannel: of functions, promises and callbacks', async () => {
    build('tracing:mail.delivery', { fields: { to: string('to') }, done: { 'result.length': uint32('bytes') } });
    const delivery = tracingChannel('mail.delivery');
    delivery.traceSync(() => 'sync', { to: 'a' });
    await delivery.tracePromise(() => setTimeout(20, 'promise'), { to: 'b' });
    await new Promise((resolve) =>
      delivery.traceCallback(
        (callback: (...args: unknown[]) => void) => setImmediate(callback, null, 'callback'),
        0,
        { to: 'c' },
        undefined,
        resolve,
      ),
    );
    assert.throws(() => delivery.traceSync(() => fail('thrown'), { to: 'd' }), /thrown/);
    await assert.rejects(async () => delivery.tracePromise(async () => fail('rejected'), { to: 'e' }), /rejected/);
    const started = fired('delivery__start');
    assert.deepEqual(
      started.map(([, to]) => to),
      ['a', 'b', 'c', 'd', 'e'],
    );
    const ids = started.map(([id]) => id);
    assert.equal(new Set(ids).size, 5);
    const done = fired('delivery__done');
    assert.deepEqual(
      done.map(([id, , bytes]) => [id, bytes]),
      [4, 7, 8].map((bytes, index) => [ids[index], bytes]),
    );
    assert.ok(Number(done[1]![1]) > 15e6);
    assert.deepEqual(
      fired('delivery__error').map(([id, , message]) => [id, message]),
      [
        [ids[3], 'thrown'],
        [ids[4], 'rejected'],
      ],
    );
  });

  it('throws nothing into who publishes', () => {
    build('mail:bad', { fields: { 'a.b': string('b') } });
    const bad = {
      get a() {
        return fail('a getter');
      },
    };
    channel('mail:bad').publish(bad);
    channel('mail:bad').publish(undefined);
    assert.deepEqual(fired('bad'), [['']]);
  });

  it('puts the channels of one provider into one', () => {
    build({ 'mail:one': {}, 'mail:two': {}, 'tracing:web:page': {} });
    for (const name of ['mail:one', 'mail:two']) channel(name).publish({});
    assert.deepEqual(
      recorder.fired.map(({ provider, probe }) => `${provider}:${probe}`),
      ['mail:one', 'mail:two'],
    );
  });

  it('withdraws its probes, more than once', () => {
    build('mail:gone');
    built!.unload();
    built!.unload();
    assert.ok(!hasSubscribers('mail:gone'));
  });

  it('tells the request also on the channel that tells of it', () => {
    build('http.server.request.start', { fields: { '@request': uint64('request'), 'request.url': string('url') } });
    channel('http.server.request.start').publish({ request: { url: '/here' } });
    const [[id, url]] = fired('server__request__start') as [[number, string]];
    assert.equal(url, '/here');
    assert.ok(id > 0);
  });

  it('makes nothing when one of several is wrong', () => {
    assert.throws(() => build({ 'mail:first': {}, 'mysql2:query': {} }), /must not end in a digit/);
    assert.ok(!hasSubscribers('mail:first'));
  });

  const wrong: [string, unknown[], RegExp][] = [
    ['no channel', [undefined], /bridge\(\) was given undefined; give a channel's name/],
    ['no channels', [{}], /bridge\(\) was given an object; give a channel's name/],
    ['no name for a probe', ['mail'], /channel "mail" has no name for a probe in it.*; give probe/],
    [
      'an unknown option',
      ['mail:a', { field: {} }],
      /there is no option "field"; the options are provider, probe, fields, done/,
    ],
    ['options that are none', ['mail:a', null], /the options of channel "mail:a" are null; give an object/],
    ['fields that are none', ['mail:a', { fields: ['a'] }], /fields is an array; give \{ "request.path"/],
    [
      'done of a channel that has no end',
      ['mail:a', { done: { a: string('a') } }],
      /is no TracingChannel.*leave done out/,
    ],
    ['a provider that ends in a digit', ['mysql2:query'], /must not end in a digit/],
    [
      'a provider that is the runtime',
      ['shop:closed', { provider: 'node' }],
      /channel "shop:closed" has the provider "node".*; give another/,
    ],
    ["a channel of the runtime's name", ['node:closed'], /has the provider "node"/],
    ['a field that is no argument', ['mail:a', { fields: { a: 'string' } }], /argument 0 of probe "a"/],
    [
      'two probes of one name',
      [{ 'mail:a.b': {}, 'mail:a:b': {} }],
      /two channels of provider "mail" make probes of the same name/,
    ],
  ];
  for (const [what, args, message] of wrong) {
    it(`says what is wrong: ${what}`, () => {
      assert.throws(() => build(...(args as Parameters<typeof bridge>)), { name: /^TypeError \[SONDE_/, message });
    });
  }
});

function fail(message: string): never {
  throw new Error(message);
}
