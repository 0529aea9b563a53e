import assert from 'node:assert/strict';
import { tracedBackends } from '../support/backends.js';
import { attached, bpftrace, COUNT_START, counted, listedFunctions, SHOW_START } from '../support/bpftrace.js';
import { useScene } from '../support/scene.js';
import { Stub } from '../support/stub.js';
import { assertWithin } from '../support/time.js';
import { needsRoot, needsTools } from '../support/tools.js';
import { run } from '../support/tracer.js';

describe('bpftrace', function () {
  this.timeout(60_000);

  before(function () {
    needsTools(this, 'bpftrace', 'readelf');
    needsRoot(this);
  });

  for (const { backend, bpftrace: target } of tracedBackends) {
    describe(`on ${backend}`, () => {
      const scene = useScene({ SONDE_BACKEND: backend });

      it('traces by what status() tells', async () => {
        const program = await scene.current.program();
        const [smtp] = (await program.call('status')).providers;
        const tracer = bpftrace(scene.current, `${smtp!.probes[0]!.tracer} ${SHOW_START}`);
        await attached(tracer, program);
        await program.call('fire', 'smtp.sessionStart', '10.0.0.7', 2525);
        assert.equal((await tracer.shows(/^\d+ 10.*$/m))[0], `${program.pid} 10.0.0.7 2525`);
      });

      it('traces a process that starts after it', async () => {
        const first = await scene.current.program();
        const object = await first.object();
        const tracer = bpftrace(scene.current, `${target(object, 'smtp', 'session__start')} ${SHOW_START}`);
        await attached(tracer, first);
        assert.equal(await first.end(), 0);
        const second = await scene.current.program();
        assert.equal(await second.object(), object);
        assert.equal(await second.call('enabled', 'smtp.sessionStart'), true);
        await second.call('fire', 'smtp.sessionStart', '10.0.0.7', 4);
        assert.equal((await tracer.shows(/^\d+ 10.*$/m))[0], `${second.pid} 10.0.0.7 4`);
        assert.equal(await second.call('enabled', 'smtp.sessionDone'), false);
      });

      // "Attached" is the moment at which the stub's first byte changes in the process's memory, as
      // the kernel shows it in
      // /proc/PID/mem: no word of bpftrace's tells it. The test looks every millisecond, and counts from its last look at
      // which the byte had not changed yet, so what it measures is never less than what is true. A
      // stall of the machine makes it more: hence another try.
      it('makes `enabled` true within 100 ms of attaching, and false within 100 ms of leaving', async function () {
        this.retries(2);
        const program = await scene.current.program();
        const object = await program.object();
        const stub = await Stub.find(program.pid, object, 'smtp', 'session__start');
        const untraced = stub.firstByte();

        const enabled = program.until(true);
        const tracer = bpftrace(scene.current, `${target(object, 'smtp', 'session__start')} { @ = count(); }`);
        const before = await stub.lastBefore((byte) => byte !== untraced);
        assertWithin(100, before, await enabled);

        const disabled = program.until(false);
        const left = tracer.stop();
        const still = await stub.lastBefore((byte) => byte === untraced);
        assertWithin(100, still, await disabled);
        await left;
        assertWithin(100, tracer.endedAt!, await disabled);
        assert.equal(stub.firstByte(), untraced);
      });

      it('loses no fire and doubles none, of 100,000', async () => {
        const program = await scene.current.program();
        const object = await program.object();
        const tracer = bpftrace(scene.current, `${target(object, 'smtp', 'session__start')} ${COUNT_START}`);
        await attached(tracer, program);
        await program.call('fireMany', 100_000);
        assert.deepEqual(await counted(tracer, program), { fires: 100_000, ports: 4_999_950_000 });
      });
    });
  }

  describe('with SDT notes', () => {
    const scene = useScene();

    it('lists the probes of a running process', async () => {
      const program = await scene.current.program();
      const object = await program.object();
      const listed = await run('bpftrace', ['-l', 'usdt:*', '-p', String(program.pid)]);
      // As seen from outside the process, which may be in a container.
      const place = `usdt:/proc/${program.pid}/root${object}:smtp`;
      assert.deepEqual(
        listed.split('\n').filter((line) => line.includes(':smtp:')),
        [`${place}:session__done`, `${place}:session__start`],
      );
    });

    it('lists the probes of an object, with and without the name of the provider', async () => {
      const object = await (await scene.current.program()).object();
      const all = [`usdt:${object}:smtp:session__done`, `usdt:${object}:smtp:session__start`];
      for (const pattern of [`usdt:${object}:*`, `usdt:${object}:smtp:*`]) {
        assert.deepEqual((await run('bpftrace', ['-l', pattern])).trim().split('\n'), all);
      }
    });

    it('lists the arguments of a stub with their types', async () => {
      const object = await (await scene.current.program()).object();
      assert.equal(await run('bpftrace', ['-lv', `uprobe:${object}:*`]), listedFunctions(object));
    });

    it("traces by the object's path, all processes that map it", async () => {
      const programs = [await scene.current.program(), await scene.current.program()] as const;
      const object = await programs[0].object();
      const tracer = bpftrace(scene.current, `usdt:${object}:smtp:session__start ${COUNT_START}`);
      await attached(tracer, ...programs);
      await Promise.all([programs[0].call('fireMany', 1000), programs[1].call('fireMany', 500)]);
      assert.deepEqual(await counted(tracer, programs[0]), { fires: 1000, ports: 499_500 });
      assert.deepEqual(await counted(tracer, programs[1]), { fires: 500, ports: 124_750 });
    });

    it('traces one process by its id, and the other stays disabled', async () => {
      const [traced, other] = [await scene.current.program(), await scene.current.program()];
      const object = await traced.object();
      const tracer = bpftrace(scene.current, `usdt:${object}:smtp:session__start ${SHOW_START}`, traced.pid);
      await attached(tracer, traced);
      assert.equal(await other.call('enabled', 'smtp.sessionStart'), false);
      await other.call('fire', 'smtp.sessionStart', '10.0.0.8', 1);
      await traced.call('fire', 'smtp.sessionStart', '10.0.0.7', 2);
      await tracer.shows(/ 2$/m);
      assert.deepEqual((await tracer.stop()).match(/^\d+ 10.*$/gm), [`${traced.pid} 10.0.0.7 2`]);
    });

    it('traces a probe of one process by its names alone', async () => {
      const program = await scene.current.program();
      const tracer = bpftrace(scene.current, `usdt:*:smtp:session__start ${SHOW_START}`, program.pid);
      await attached(tracer, program);
      await program.call('fire', 'smtp.sessionStart', '10.0.0.7', 3);
      assert.equal((await tracer.shows(/^\d+ 10.*$/m))[0], `${program.pid} 10.0.0.7 3`);
    });

    it("reads arguments by name from the stub's symbol", async () => {
      const program = await scene.current.program();
      const object = await program.object();
      const tracer = bpftrace(
        scene.current,
        `uprobe:${object}:smtp_session__start { printf("%d %s %d\\n", pid, str(args->peer), args->port); }`,
      );
      await attached(tracer, program);
      await program.call('fire', 'smtp.sessionStart', '2001:db8::1', -2);
      assert.equal((await tracer.shows(/^\d+ 2001.*$/m))[0], `${program.pid} 2001:db8::1 -2`);
    });

    it('traces by the link to the newest object, also when no process maps it yet', async () => {
      assert.equal(await (await scene.current.program()).end(), 0);
      const link = `${scene.current.objects}/smtp.so`;
      const tracer = bpftrace(
        scene.current,
        `BEGIN { printf("begun\\n"); } usdt:${link}:smtp:session__start ${SHOW_START}`,
      );
      await tracer.shows(/^begun$/m);
      const program = await scene.current.program();
      await attached(tracer, program);
      await program.call('fire', 'smtp.sessionStart', '10.0.0.7', 5);
      assert.equal((await tracer.shows(/^\d+ 10.*$/m))[0], `${program.pid} 10.0.0.7 5`);
    });

    it('comes and goes many times, and each time all is counted and the stub left as it was', async () => {
      const program = await scene.current.program();
      const object = await program.object();
      const stub = await Stub.find(program.pid, object, 'smtp', 'session__start');
      const untraced = stub.firstByte();
      for (let round = 1; round <= 3; round++) {
        const tracer = bpftrace(scene.current, `usdt:${object}:smtp:session__start ${COUNT_START}`);
        await attached(tracer, program);
        await program.call('fireMany', 2 + round);
        assert.deepEqual(await counted(tracer, program), { fires: 2 + round, ports: [3, 6, 10][round - 1] });
        await program.until(false);
        assert.equal(stub.firstByte(), untraced);
        await program.call('fireMany', 1000);
      }
    });
  });
});
