// The suites for the dtrace backend on a system that is modelled; fasttrap.test.ts starts it for
// each, in a process of its own.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { dtrace } from '@sonde/dtrace';
import { createDTraceProvider } from '@sonde/dtrace-provider';
import { bytes, int32, provider, status, string, uint8, uint64 } from 'sonde';
import { attach } from '../conformance/selftrace.js';
import { conformance } from '../conformance/suite.js';
import { knownProbes, model, rules } from './model.js';

/**
 * The 1-byte nop: fasttrap of the kernels steps over no other at once (`FASTTRAP_NOP` in
 * fasttrap_isa.c).
 */
const NOP = 1;

function attachByName(provider: string, probe: string, native: Parameters<typeof attach>[2]) {
  const known = knownProbes().findLast(
    ({ name }) => name.startsWith(`${provider}${process.pid}:`) && name.endsWith(`:${probe}`),
  );
  assert.ok(known, `the system knows ${provider}:${probe}`);
  return attach(
    known.tracepoint,
    NOP,
    native,
    native.map((_, index) => rules.place(known.probe, index)),
  );
}

conformance({
  name: 'dtrace',
  make: dtrace,
  attach: (_loaded, { name, probes }, index) =>
    attachByName(name, probes[index]!.name.replaceAll('__', '-'), probes[index]!.native),
});

describe(`to ${rules.system}`, () => {
  const { pid } = process;
  /** The package of this program, which is mocha. */
  const module = 'mocha';
  const names = () =>
    knownProbes()
      .map(({ name }) => name)
      .sort();

  const places = () => knownProbes().map(({ tracepoint }) => tracepoint);
  /** An eighth of the stubs. */
  const many = Object.fromEntries(Array.from({ length: 512 }, (_, index) => [`probe_${index}`, [int32('n')]] as const));

  /** A thread that does not keep the process from ending when a test fails. */
  const start = (file: string) => {
    const worker = new Worker(new URL(file, import.meta.url));
    worker.unref();
    return worker;
  };

  const made: { unload(): void }[] = [];
  const define: typeof provider = (...definition) => {
    const own = provider(...definition);
    made.push(own);
    return own;
  };
  afterEach('unloads all, and nothing is known any more', () => {
    for (const own of made.splice(0)) own.unload();
    assert.deepEqual(names(), []);
  });

  it('a probe is known by provider, module, function and name, with the types of its arguments', () => {
    define('smtp', { sessionStart: [string('peer'), int32('port')], idle: [] });
    define(
      'web',
      { request: { name: 'request', arguments: [uint64('id'), bytes('body'), uint8('n')], function: 'serve' } },
      { module: 'server' },
    );
    assert.deepEqual(names(), [
      `smtp${pid}:${module}:idle:idle`,
      `smtp${pid}:${module}:session__start:session-start`,
      `web${pid}:server:serve:request`,
    ]);
    assert.deepEqual(
      knownProbes().map(({ types }) => types),
      [['char *', 'int32_t'], [], ['uint64_t', 'void *', 'uint64_t', 'uint8_t']],
    );
    assert.deepEqual(
      status().providers.flatMap(({ probes }) => probes.map(({ tracer }) => tracer)),
      [`smtp${pid}:::session-start`, `smtp${pid}:::idle`, `web${pid}:::request`],
    );
  });

  it('providers of many probes are known, up to the stubs that there are, and more are refused with the reason', () => {
    for (const letter of 'abcdefgh') define(`many_${letter}`, many);
    assert.equal(new Set(places()).size, 4096);
    const late = define('late', { probe: [] });
    assert.equal(status().providers.at(-1)!.reason, 'all 4096 stubs of the process are in use');
    late.probe.fire();
  });

  it('a stub is not given to another probe soon after it was free', () => {
    const first = provider('first', { probe: [] });
    const [{ tracepoint }] = knownProbes() as [ReturnType<typeof knownProbes>[number]];
    first.unload();
    for (let round = 0; round < 100; round++) {
      const next = provider('next', { probe: [] });
      assert.ok(knownProbes().every((known) => known.tracepoint !== tracepoint));
      next.unload();
    }
  });

  it('there is one registration for a process, as long as one of its threads has the provider', async () => {
    const own = define('threads', { probe: [int32('number')] });
    const attachment = attachByName('threads', 'probe', [{ name: 'number', type: 'int32' }]);
    const worker = start('worker.js');
    assert.deepEqual(await once(worker, 'message'), [[`threads${pid}:${module}:probe:probe`]]);
    worker.postMessage('end');
    assert.deepEqual(await once(worker, 'exit'), [0]);
    own.probe.fire(2);
    assert.deepEqual(attachment.take(), [[1n], [2n]]);
    attachment.detach();
    assert.equal(names().length, 1);
  });

  it('a thread that comes first does not keep the probes from the process', async () => {
    const worker = start('worker.js');
    assert.equal((await once(worker, 'message'))[0].length, 1);
    const own = define('threads', { probe: [int32('number')] });
    // Of the thread's package, which is another.
    const name = `threads${pid}:_sonde_test:probe:probe`;
    assert.ok(names().includes(name));
    worker.postMessage('end');
    assert.deepEqual(await once(worker, 'exit'), [0]);
    assert.deepEqual(names(), [name]);
    const attachment = attachByName('threads', 'probe', [{ name: 'number', type: 'int32' }]);
    own.probe.fire(3);
    assert.deepEqual(attachment.take(), [[3n]]);
    attachment.detach();
  });

  it('a thread that leaves last does not give away the stubs of probes that the system still knows', async () => {
    const own = define('threads', { probe: [int32('number')] });
    const worker = start('worker.js');
    await once(worker, 'message');
    own.unload();
    assert.deepEqual(names(), [`threads${pid}:${module}:probe:probe`]);
    worker.postMessage('unload');
    await once(worker, 'message');
    worker.postMessage('fill');
    assert.deepEqual(await once(worker, 'message'), [true]);
    worker.postMessage('end');
    await once(worker, 'exit');
    // On Linux, that is when this thread takes back what it handed over.
    define('next', { probe: [] });
    assert.deepEqual(names(), [`next${pid}:${module}:probe:probe`]);
  });

  it('a thread that is ended while it defines a provider leaves nothing behind', async () => {
    model.hold(true);
    const worker = start('ended-worker.js');
    while (!model.holding()) await setTimeout(1);
    const ended = worker.terminate();
    model.hold(false);
    await ended;
    assert.deepEqual(names(), []);
  });

  it('the stubs of probes that the system does not give back are not given to others', () => {
    const kept = provider('kept', { probe: [] });
    model.refuse(true);
    kept.unload();
    for (const letter of 'abcdefg') define(`more_${letter}`, many);
    assert.equal(new Set(places()).size, 7 * 512 + 1);
    define('late', many);
    assert.equal(status().providers.at(-1)!.reason, 'all 4096 stubs of the process are in use');
    model.refuse(false);
    // Whatever comes next tries again.
    define('next', { probe: [] });
    assert.ok(names().every((name) => !name.startsWith('kept')));
  });

  it('of two definitions of a provider, a probe that both have is visible, or the second is inactive with the reason', () => {
    const first = define('twice', { common: [], own: [] });
    const second = define('twice', { common: [], other: [] });
    const reason =
      `this process has the probe twice:${module}:common:common already, of another definition, ` +
      'and the system takes one of that name';
    assert.equal(status().providers.at(-1)!.reason, rules.takesTwins ? undefined : reason);
    assert.equal(names().length, rules.takesTwins ? 4 : 2);
    first.unload();
    second.unload();
    define('twice', { common: [], other: [] });
    assert.deepEqual(names(), [`twice${pid}:${module}:common:common`, `twice${pid}:${module}:other:other`]);
  });

  it('a definition that shares nothing but the provider does not give away the stubs of one that is gone', () => {
    const first = define('shared', { first: [] });
    const second = define('shared', { second: [] });
    first.unload();
    for (let round = 0; round < 9; round++) {
      const next = provider('next', many);
      assert.equal(new Set(places()).size, places().length);
      next.unload();
    }
    const again = define('shared', { first: [] });
    assert.equal(status().providers.at(-1)!.reason, undefined);
    const attachment = attachByName('shared', 'first', []);
    again.first.fire();
    assert.deepEqual(attachment.take(), [[]]);
    attachment.detach();
    second.unload();
    assert.ok(names().includes(`shared${pid}:${module}:first:first`));
  });

  it('probes of the drop-in come, go and come again beside one that stays, and none of them is inactive', () => {
    const dropIn = createDTraceProvider('dropin');
    dropIn.addProbe('stays');
    dropIn.enable();
    made.push({ unload: () => dropIn.disable() });
    const isThere = () => names().some((name) => name.startsWith(`dropin${pid}:`) && name.endsWith(':probe'));
    // More than there are stubs.
    for (let round = 0; round < 1500; round++) {
      for (const type of ['int', 'json', 'char *']) {
        const probe = dropIn.addProbe('probe', type);
        probe.fire(() => []);
        assert.equal(status().providers.at(-1)!.reason, undefined);
        if (round < 2) assert.ok(isThere(), type);
        dropIn.removeProbe(probe);
      }
    }
  });

  it('what a system would drop without a word is refused with the reason', () => {
    const most = { illumos: 31, freebsd: 32, macos: 64, linux: undefined }[rules.system];
    const letters = 'abcdefghij';
    for (let index = 0; index < (most ?? 70); index++) {
      define(`p_${letters[Math.floor(index / 10)]}${letters[index % 10]}`, { probe: [] });
    }
    define('late', { probe: [] });
    assert.equal(names().length, most ?? 71);
    assert.equal(
      status().providers.at(-1)!.reason,
      most && `the system takes ${most} providers of a process, and there are as many already`,
    );
  });

  // The last: from then on the model has a tracer.
  it('what is defined while somebody traces is withdrawn like all else', () => {
    model.trace();
    const first = define('first', { probe: [] });
    const second = define('second', { probe: [] });
    assert.deepEqual(names(), [`first${pid}:${module}:probe:probe`, `second${pid}:${module}:probe:probe`]);
    first.unload();
    assert.deepEqual(names(), [`second${pid}:${module}:probe:probe`]);
    second.unload();
    assert.deepEqual(names(), []);
  });
});
