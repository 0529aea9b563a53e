import assert from 'node:assert/strict';
import dns from 'node:dns';
import { setTimeout } from 'node:timers/promises';
import { type Provider, provider } from 'sonde';
import { type Recorder, record } from 'sonde/testing';
import { dnsProbes } from '../probes.js';
import { watchDns } from './dns.js';

describe('watchDns', () => {
  const { lookup } = dns.promises;
  let node: Provider<typeof dnsProbes>;
  let recorder: Recorder;

  beforeEach(() => {
    recorder = record();
    node = provider('names', dnsProbes);
  });
  afterEach(async () => {
    recorder.stop();
    node.unload();
    // Until it is off.
    await setTimeout(120);
    dns.promises.lookup = lookup;
  });

  const standIns: [string, () => unknown, unknown][] = [
    ['no promise', () => ({ address: '192.0.2.1' }), { address: '192.0.2.1' }],
    ['an answer that is no text', () => Promise.resolve(7n), 7n],
  ];
  for (const [what, standIn, answer] of standIns) {
    it(`hands on what the program's own function answers: ${what}`, async () => {
      dns.promises.lookup = standIn as typeof lookup;
      watchDns(node);
      assert.notEqual(dns.promises.lookup, standIn);
      assert.deepEqual(await dns.promises.lookup('name'), answer);
    });
  }

  it('hands on the promise itself, whose rejection is reported where nobody handles it', async () => {
    const promise = Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND name'), { code: 'ENOTFOUND' }));
    dns.promises.lookup = (() => promise) as unknown as typeof lookup;
    watchDns(node);
    const listeners = process.rawListeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    const reported: unknown[] = [];
    process.on('unhandledRejection', (_, lost) => reported.push(lost));
    assert.equal(dns.promises.lookup('name'), promise);
    await setTimeout(1);
    process.removeAllListeners('unhandledRejection');
    for (const listener of listeners) process.on('unhandledRejection', listener as () => void);
    assert.deepEqual(reported, [promise]);
    assert.deepEqual(
      recorder.of('names', 'dns__error').map(({ values }) => values.code),
      ['ENOTFOUND'],
    );
  });

  it('hands on a rejection without an error', async () => {
    dns.promises.lookup = (() => Promise.reject(undefined)) as typeof lookup;
    watchDns(node);
    const [settled] = await Promise.allSettled([dns.promises.lookup('name')]);
    assert.deepEqual(settled, { status: 'rejected', reason: undefined });
    assert.deepEqual(
      recorder.fired.map(({ probe }) => probe),
      ['dns__start', 'dns__error'],
    );
  });
});
