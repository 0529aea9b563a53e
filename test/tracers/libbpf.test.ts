// A tracer of one's own, in C with libbpf: test/libbpf.
import assert from 'node:assert/strict';
import { startLibbpf } from '../support/libbpf.js';
import { useScene } from '../support/scene.js';
import { assertWithin } from '../support/time.js';
import { cannotTest, needsHeader, needsRoot, needsTools } from '../support/tools.js';

describe('libbpf', function () {
  this.timeout(60_000);
  const scene = useScene({ SONDE_BACKEND: 'ebpf' });

  before(function () {
    needsTools(this, 'clang', 'bpftool', 'make', 'cc');
    needsHeader(this, 'bpf/libbpf.h');
    needsRoot(this);
    if (process.arch !== 'x64') cannotTest(this, `the stack is that of x64, and this is ${process.arch}`);
  });

  it('attaches before processes start, and misses no fire of any, with the values of the arguments', async () => {
    const tracer = await startLibbpf(scene.current, await objects());
    const programs = [await scene.current.program(), await scene.current.program()] as const;
    for (const program of programs) assert.equal(await program.call('enabled', 'smtp.sessionStart'), true);
    await Promise.all(programs.map((program) => program.call('fireMany', 5000)));
    await programs[0].call('fire', 'smtp.sessionStart', 'naïve', -1);
    await programs[1].call('fire', 'smtp.sessionDone', '10.0.0.7', 1, 1);

    const output = await tracer.stop();
    assert.match(output, /^fires 10001, lost 0$/m);
    const many = Array.from({ length: 5000 }, (_, port) => `10.0.0.7 ${port}`);
    assert.deepEqual(firesOf(programs[0].pid), [...many, 'naïve -1']);
    assert.deepEqual(firesOf(programs[1].pid), many);

    /** In the order in which they came: the buffer is one for all processors. */
    function firesOf(pid: number): string[] {
      return [...output.matchAll(new RegExp(`^${pid} (.*)$`, 'gm'))].map(([, fire]) => fire!);
    }
  });

  it('reads the seventh argument from the stack', async () => {
    const program = await scene.current.program();
    const tracer = await startLibbpf(scene.current, {
      smtp: await program.object(),
      every: await program.object('every'),
    });
    const values = [-(2n ** 63n), [1], 2n ** 64n - 1n, -1, new Uint8Array(5), 'seven', true, 65535, -32768, 255, -128];
    await program.call('fire', 'every.mixed__reversed', ...values);
    assert.match(await tracer.stop(), new RegExp(`^${program.pid} seventh seven$`, 'm'));
  });

  it('makes `enabled` false within 100 ms of its end', async function () {
    this.retries(2);
    const running = await scene.current.program();
    const tracer = await startLibbpf(scene.current, {
      smtp: await running.object(),
      every: await running.object('every'),
    });
    assert.equal(await running.call('enabled', 'smtp.sessionStart'), true);
    const disabled = running.until(false);
    await tracer.stop();
    assertWithin(100, tracer.endedAt!, await disabled);
    assert.equal(await running.call('enabled', 'every.mixed__reversed'), false);
  });

  /** Of a program that has ended: no process maps them. */
  async function objects() {
    const program = await scene.current.program();
    const found = { smtp: await program.object(), every: await program.object('every') };
    assert.equal(await program.end(), 0);
    return found;
  }
});
