// A tracer comes and goes while the program works: what it sees from when it is there, and what it
// leaves.
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { bpftrace } from '../../support/bpftrace.js';
import { RuntimeProgram } from '../../support/runtime-program.js';
import { useScene } from '../../support/scene.js';
import { Stub } from '../../support/stub.js';
import { assertWithin } from '../../support/time.js';
import { needsRoot, needsTools } from '../../support/tools.js';

const ASKED = 500;
/** Within which what probes need is switched on. */
const SWITCHED_ON_MS = 100;

describe('@sonde/node under a tracer that comes and goes', function () {
  this.timeout(120_000);
  const scene = useScene();

  before(function () {
    needsTools(this, 'bpftrace', 'readelf');
    needsRoot(this);
  });

  it('loses and doubles no request under load, three times, and leaves nothing behind', async () => {
    const program = await RuntimeProgram.start(scene.current);
    await program.call('serve');
    await program.call('load', true);
    assert.deepEqual(await program.call('leftBehind'), []);
    for (let round = 1; round <= 3; round++) {
      const others = ['dns__start', 'gc__done', 'loop__iteration', 'promise__rejection', 'exception__uncaught']
        .concat('net__stream__end', 'udp__send', 'module__start', 'child__start', 'worker__create', 'alloc__sample')
        .map((probe) => `${program.usdt(probe)} { @[probe] = count(); }`);
      const tracer = bpftrace(
        scene.current,
        `${program.usdt('http__server__request')} /strncmp(str(arg5), "/n/", 3) == 0/ { printf("in %s.\\n", str(arg5)); }
         ${program.usdt('http__server__response')} { @responses = count(); }
         ${program.usdt('http__client__request')} /strncmp(str(arg5), "/n/", 3) == 0/ { printf("out %s.\\n", str(arg5)); }
         ${program.usdt('http__server__abort')} { @aborts = count(); }
         ${others.join('\n')}`,
      );
      await tracer.hears(() => program.call('get', '/n/knock'), /^in \/n\/knock\.$/m);
      await setTimeout(SWITCHED_ON_MS);
      const from = tracer.output.length;
      assert.equal(await program.call('getMany', ASKED), ASKED);
      await tracer.shows(new RegExp(`^in /n/${ASKED}\\.$`, 'm'), from);
      const output = (await tracer.stop()).slice(from);
      const all = Array.from({ length: ASKED }, (_, index) => `/n/${index + 1}`).sort();
      for (const side of ['in', 'out']) {
        const seen = [...output.matchAll(new RegExp(`^${side} (/n/\\d+)\\.$`, 'gm'))].map(([, path]) => path!);
        assert.deepEqual(seen.sort(), all, `round ${round}: ${side}`);
      }
      const counted = output.slice(output.lastIndexOf('/n/'));
      assert.ok(Number(/^@responses: (\d+)$/m.exec(counted)?.[1]) >= ASKED, counted);
      assert.doesNotMatch(counted, /^@aborts: [1-9]/m);
      await setTimeout(SWITCHED_ON_MS);
      assert.deepEqual(await program.call('leftBehind'), [], `round ${round}`);
    }
    await program.call('load', false);
    assert.equal(program.errors, '');
  });

  // A stall of the machine makes it more: hence another try.
  it('switches on within 100 ms of attaching, and off within 100 ms of leaving', async function () {
    this.retries(2);
    const program = await RuntimeProgram.start(scene.current);
    const channel = 'http.server.request.start';
    const stub = await Stub.find(program.pid, await program.realObject(), 'node', 'http__server__request');
    const untraced = stub.firstByte();

    const on = program.call('untilSubscribed', channel, true);
    const tracer = bpftrace(scene.current, `${program.usdt('http__server__request')} { @ = count(); }`);
    const before = await stub.lastBefore((byte) => byte !== untraced);
    assertWithin(SWITCHED_ON_MS, before, await on);

    const off = program.call('untilSubscribed', channel, false);
    const left = tracer.stop();
    const still = await stub.lastBefore((byte) => byte === untraced);
    assertWithin(SWITCHED_ON_MS, still, await off);
    await left;
  });

  it('is there from the first line of a program on, when the tracer came before', async () => {
    const first = await RuntimeProgram.start(scene.current);
    const tracer = bpftrace(scene.current, `${first.usdt('module__start')} { printf("%d %s\\n", pid, str(arg1)); }`);
    await tracer.shows(/^Attaching/m);
    await setTimeout(500);
    const second = await RuntimeProgram.start(scene.current);
    await tracer.shows(new RegExp(`^${second.pid} node:os$`, 'm'));
  });
});
