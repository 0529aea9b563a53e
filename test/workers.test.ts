// Worker threads come and go, and fire the same provider: each loads the same probe object, and
// leaves with it.
import assert from 'node:assert/strict';
import { attached, bpftrace, COUNT_START, counted } from './support/bpftrace.js';
import { Gdb } from './support/gdb.js';
import { useScene } from './support/scene.js';
import { needsPtrace, needsRoot, needsTools } from './support/tools.js';

const WORKERS = 50;
const AT_ONCE = 5;
const FIRES = 1000;

describe('Worker threads', function () {
  this.timeout(120_000);
  const scene = useScene();

  it(`come and go, ${WORKERS} of them, and find the same probes`, async () => {
    const program = await scene.current.program();
    const object = await program.object();
    const providers = await program.call('runWorkers', WORKERS, AT_ONCE, FIRES);
    assert.equal(providers.length, WORKERS);
    for (const { location, probes } of providers) {
      assert.equal(location, object);
      assert.deepEqual(
        probes.map(({ name, enabled, errors }) => ({ name, enabled, errors })),
        [
          { name: 'session__start', enabled: false, errors: 0 },
          { name: 'session__done', enabled: false, errors: 0 },
        ],
      );
    }
    await program.call('fireMany', FIRES);
    assert.equal(await program.end(), 0);
  });

  it('are terminated while they fire, and the program goes on', async () => {
    const program = await scene.current.program();
    await program.call('terminateWorkers', 10);
    await program.call('fireMany', FIRES);
    assert.equal(await program.end(), 0);
  });

  describe('traced', () => {
    before(function () {
      needsTools(this, 'bpftrace');
      needsRoot(this);
    });

    it('lose no fire and double none', async () => {
      const program = await scene.current.program();
      const tracer = bpftrace(scene.current, `usdt:${await program.object()}:smtp:session__start ${COUNT_START}`);
      await attached(tracer, program);
      const providers = await program.call('runWorkers', WORKERS, AT_ONCE, FIRES);
      assert.ok(providers.every(({ probes }) => probes[0]!.enabled && !probes[1]!.enabled));
      // Each fires its number, from 0 on.
      const ports = (FIRES * WORKERS * (WORKERS - 1)) / 2;
      assert.deepEqual(await counted(tracer, program), { fires: WORKERS * FIRES, ports });
      await program.until(false);
      assert.equal(await program.end(), 0);
    });

    it('are terminated while a tracer takes what they fire', async () => {
      const program = await scene.current.program();
      const tracer = bpftrace(scene.current, `usdt:${await program.object()}:smtp:session__start ${COUNT_START}`);
      await attached(tracer, program);
      await program.call('terminateWorkers', 10);
      await program.call('fireMany', FIRES);
      const { fires } = await counted(tracer, program);
      assert.ok(fires >= 10 + FIRES, `${fires} fires`);
      assert.equal(await program.end(), 0);
    });
  });

  describe('under gdb', () => {
    before(function () {
      needsTools(this, 'gdb');
      needsPtrace(this);
    });

    it('are enabled by its breakpoint, and each fire comes to it', async () => {
      const program = await scene.current.program();
      const gdb = await Gdb.attach(scene.current, program.pid);
      await gdb.breakAt('-probe-stap smtp:session__start', ['printf "<%d>\\n", $_probe_arg1']);
      gdb.go();
      await program.until(true);
      const providers = await program.call('runWorkers', 6, 2, 5);
      assert.ok(providers.every(({ probes }) => probes[0]!.enabled && !probes[1]!.enabled));
      await gdb.interrupt();
      const ports = [...(await gdb.detach()).matchAll(/<(\d+)>/g)].map(([, port]) => Number(port));
      assert.deepEqual(
        ports.sort((a, b) => a - b),
        [0, 1, 2, 3, 4, 5].flatMap((port) => Array(5).fill(port)),
      );
      assert.equal(await program.call('enabled', 'smtp.sessionStart'), false);
    });
  });
});
