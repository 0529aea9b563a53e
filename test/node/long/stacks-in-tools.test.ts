// Names in the stacks of perf (its map and its jitdump) and of bcc.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hasKernelHeaders, kernelHeaders } from '../../support/kernel-headers.js';
import { perf } from '../../support/perf.js';
import { useScene } from '../../support/scene.js';
import { placeOf, StacksProgram, stackTracer } from '../../support/stacks-program.js';
import { asUser, cannotTest, needsOtherUser, needsRoot, needsTools, OTHER_USER } from '../../support/tools.js';

const STACKCOUNT =
  spawnSync('sh', ['-c', 'command -v stackcount-bpfcc']).status === 0 ? 'stackcount-bpfcc' : 'stackcount';
/** A command of the program is compiled to a loop in it while it runs. */
const WORK = placeOf('work', '  work(');

describe('JavaScript frames', function () {
  this.timeout(120_000);
  const scene = useScene();

  before(function () {
    needsRoot(this);
  });

  it('are in what `perf record -g` recorded', async function () {
    needsTools(this, 'perf');
    const program = await StacksProgram.start(scene.current);
    await program.call('enable');
    const data = join(scene.current.folder, 'perf.data');
    await record(program, data, []);
    const script = await perf(scene.current, 'script', '-i', data);
    assert.match(script, new RegExp(`${escaped(WORK)}\\+0x`));
  });

  it('are in what `perf inject --jit` makes of a recording, with the map gone', async function () {
    needsTools(this, 'perf');
    const program = await StacksProgram.start(scene.current);
    await program.call('enable', { jitdump: true });
    const [data, injected] = ['perf.data', 'injected.data'].map((name) => join(scene.current.folder, name));
    // As the specification has it: the clock of the jitdump.
    await record(program, data!, ['-k', 'CLOCK_MONOTONIC']);
    await program.end();
    await perf(scene.current, 'inject', '--jit', '-i', data!, '-o', injected!);
    scene.current.defer(() => program.removeInjected());
    program.removeMap();
    const script = await perf(scene.current, 'script', '-i', injected!);
    // Lines of the file that runs: a jitdump is written at once, before anybody looks for source
    // maps.
    assert.match(script, new RegExp(` work \\S*stacks-program\\.js:\\d+\\+0x.*jitted-${program.pid}-`));
  });

  it("are in the stacks that bcc's stackcount counts", async function () {
    needsTools(this, STACKCOUNT);
    if (!hasKernelHeaders()) cannotTest(this, "no kernel's headers are installed (linux-headers-amd64)");
    const program = await StacksProgram.start(scene.current);
    await program.call('enable');
    const counter = scene.current.tracer(
      STACKCOUNT,
      ['-U', '-p', String(program.pid), '-D', '6', `${program.object('frames')}:frames_here`],
      kernelHeaders(scene.current),
    );
    await counter.shows(/Tracing \d+ functions/);
    await counter.hears(() => program.call('fire', 'interpreted'), new RegExp(escaped(placeOf('interpretedFrame'))));
  });

  it("are shown to root of another user's program, whose files nobody else can read", async function () {
    needsOtherUser(this);
    needsTools(this, 'perf', 'bpftrace', STACKCOUNT);
    if (!hasKernelHeaders()) cannotTest(this, "no kernel's headers are installed (linux-headers-amd64)");
    chmodSync(scene.current.folder, 0o755);
    mkdirSync(scene.current.objects, { mode: 0o700 });
    chownSync(scene.current.objects, OTHER_USER, OTHER_USER);
    const program = await StacksProgram.start(scene.current, {}, { through: asUser(OTHER_USER) });
    await program.call('enable', { jitdump: true });
    for (const file of [program.map, `/tmp/jit-${program.pid}.dump`]) {
      const { uid, mode } = statSync(file);
      assert.deepEqual([uid, mode & 0o777], [OTHER_USER, 0o600]);
    }
    const [data, injected] = ['perf.data', 'injected.data'].map((name) => join(scene.current.folder, name));
    await record(program, data!, ['-k', 'CLOCK_MONOTONIC']);
    assert.match(await perf(scene.current, 'script', '-i', data!), new RegExp(`${escaped(WORK)}\\+0x`));
    await perf(scene.current, 'inject', '--jit', '-i', data!, '-o', injected!);
    scene.current.defer(() => program.removeInjected());
    assert.match(await perf(scene.current, 'script', '-i', injected!), / work \S*stacks-program\.js:\d+\+0x/);

    const counter = scene.current.tracer(
      STACKCOUNT,
      ['-U', '-p', String(program.pid), '-D', '6', `${program.object('frames')}:frames_here`],
      kernelHeaders(scene.current),
    );
    await counter.shows(/Tracing \d+ functions/);
    await counter.hears(() => program.call('fire', 'interpreted'), new RegExp(escaped(placeOf('interpretedFrame'))));
    await counter.stop();

    const tracer = stackTracer(scene.current, program);
    await tracer.hears(() => program.call('fire', 'interpreted'), /^interpreted$/m);
    assert.match(await tracer.stop(), new RegExp(escaped(placeOf('interpretedFrame'))));
  });

  /** Runs perf while the program works. */
  async function record(program: StacksProgram, data: string, options: string[]): Promise<void> {
    const command = ['sh', '-c', 'echo recording; read end'];
    const recorder = scene.current.tracer(
      'perf',
      ['record', '-o', data, '-g', '-F', '499', ...options, '-p', String(program.pid), '--', ...command],
      { HOME: scene.current.folder },
    );
    await recorder.shows(/^recording$/m);
    await program.call('work', 1000);
    recorder.close();
    await recorder.end();
    assert.ok(existsSync(data));
  }
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
