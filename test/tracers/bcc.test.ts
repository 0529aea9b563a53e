import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hasKernelHeaders, kernelHeaders } from '../support/kernel-headers.js';
import { useScene } from '../support/scene.js';
import { cannotTest, needsRoot, needsTools } from '../support/tools.js';
import { run } from '../support/tracer.js';

// Debian and Ubuntu add the ending; elsewhere the tools are in bcc's own folder, which a PATH may
// have.
const ENDING = spawnSync('sh', ['-c', 'command -v tplist-bpfcc']).status === 0 ? '-bpfcc' : '';
const TPLIST = `tplist${ENDING}`;
const TRACE = `trace${ENDING}`;
const ARGDIST = `argdist${ENDING}`;

describe('bcc', function () {
  this.timeout(90_000);
  const scene = useScene();

  before(function () {
    needsTools(this, TPLIST, TRACE, ARGDIST, 'taskset');
    needsRoot(this);
    if (!hasKernelHeaders()) cannotTest(this, "no kernel's headers are installed (linux-headers-amd64)");
  });

  it('lists the probes of an object', async () => {
    const object = await (await scene.current.program()).object();
    const listed = (await run(TPLIST, ['-l', object])).trim().split('\n');
    assert.deepEqual(listed.sort(), [`${object} smtp:session__done`, `${object} smtp:session__start`]);
  });

  it('lists the probes of a process', async () => {
    const program = await scene.current.program();
    const object = await program.object();
    const listed = (await run(TPLIST, ['-p', String(program.pid), '*session__start'])).trim();
    assert.equal(listed, `/proc/${program.pid}/root${object} smtp:session__start`);
  });

  it("traces by the object's path, and reads a text and a number", async () => {
    const program = await scene.current.program();
    const object = await program.object();
    const trace = scene.current.tracer(
      TRACE,
      [`u:${object}:session__start "%s %d", arg1, arg2`],
      kernelHeaders(scene.current),
    );
    await program.pin();
    await trace.hears(() => program.call('fire', 'smtp.sessionStart', 'knock', 0), / session__start +knock 0$/m);
    await program.call('fire', 'smtp.sessionStart', '10.0.0.7', 2525);
    await program.call('fire', 'smtp.sessionStart', 'naïve', -1);
    await program.call('fire', 'smtp.sessionDone', 'nobody', 1, 1);
    await program.call('fire', 'smtp.sessionStart', 'end', 0);
    await trace.shows(/end 0$/m);
    await trace.stop();
    // Process, thread, the thread's name (which depends on the version of Node.js), probe and what
    // was asked for.
    const rows = trace.output.split('\n').map((line) => line.trim().split(/ +/));
    assert.deepEqual(
      rows
        .filter(([, , , probe, peer]) => probe?.startsWith('session__') && peer !== 'knock' && peer !== 'end')
        .map(([pid, , , ...shown]) => [pid, ...shown]),
      [
        [String(program.pid), 'session__start', '10.0.0.7', '2525'],
        [String(program.pid), 'session__start', 'naïve', '-1'],
      ],
    );
    await program.until(false);
  });

  // argdist takes 80 bytes of a text for the key that it counts by.
  for (const { which, provider, probe, argument, fire } of [
    {
      which: 'first',
      provider: 'smtp',
      probe: 'sessionStart',
      argument: 'arg1',
      fire: (text: string) => [text, 1],
    },
    {
      which: 'second',
      provider: 'every',
      probe: 'text',
      argument: 'arg2',
      fire: (text: string, other = '') => [other, text, other],
    },
  ] as const) {
    it(`counts by the ${which} text, whatever was fired before`, async () => {
      const program = await scene.current.program();
      const object = await program.object(provider);
      const native = probe.replace(/[A-Z]/g, (capital) => `__${capital.toLowerCase()}`);
      const argdist = scene.current.tracer(
        ARGDIST,
        ['-c', '-i', '1', '-C', `u:${object}:${native}():char*:${argument}`],
        kernelHeaders(scene.current),
      );
      const call = (...texts: [string, string?]) =>
        program.call('fire', `${provider}.${probe}` as never, ...fire(...texts));
      await argdist.hears(() => call('knock'), /b'knock'/);
      for (let length = 0; length < 80; length += 2) {
        await call('x'.repeat(length), 'y'.repeat(length));
        await call('short', 'z'.repeat(79 - length));
        // The same once more, which need not be copied.
        await call('short', 'z');
      }
      await call('end');
      await argdist.shows(/b'end'/);
      await argdist.stop();
      const last = argdist.output.slice(argdist.output.lastIndexOf('COUNT'));
      assert.deepEqual(last.match(/\d+ +\S+ = b'short.*/g), [last.match(/80 +\S+ = b'short'/)?.[0]], last);
    });
  }

  it('reads small integers in registers and on the stack', async () => {
    const program = await scene.current.program();
    const object = await program.object('every');
    // Its own arg10 and beyond are read as arg1 and a digit (0.26): so nine.
    const values = '"<%lld %s %llu %d %llu %s %u %u>", arg1, arg2, arg3, arg4, arg6, arg7, arg8, arg9';
    const trace = scene.current.tracer(
      TRACE,
      ['-p', String(program.pid), `u:${object}:mixed__reversed ${values}`],
      kernelHeaders(scene.current),
    );
    const fired = [-(2n ** 63n), [1], 2n ** 64n - 1n, -1, new Uint8Array(5), 'seven', true, 65535, -32768, 255, -128];
    await trace.hears(() => program.call('fire', 'every.mixed__reversed', ...fired), />$/m);
    await trace.stop();
    assert.equal(/<.*>/.exec(trace.output)![0], '<-9223372036854775808 [1] 18446744073709551615 -1 5 seven 1 65535>');
  });
});
