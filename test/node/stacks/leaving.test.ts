// What is seen of names in stacks while they are on, and that nothing is when they are off again.
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { bpftrace } from '../../support/bpftrace.js';
import { NamesProgram, until } from '../../support/names-program.js';
import { useScene } from '../../support/scene.js';
import { needsRoot, needsTools } from '../../support/tools.js';

/** How much of the resident memory is V8's and the allocator's own coming and going. */
const MOST_GROWTH = 24 * 2 ** 20;

describe('Names in stacks that are off again', function () {
  this.timeout(120_000);
  const scene = useScene();

  it('leave nothing of the program changed, when the program had them', async () => {
    const program = await NamesProgram.start(scene.current);
    const before = await warm(program);
    await program.call('enable', { jitdump: true });
    await program.call('make', 100);
    await program.call('flush');
    const { descriptors, threads, files, ...same } = await program.call('traces');
    // The files, and what keeps them written.
    assert.deepEqual(
      [count(descriptors) - count(before.descriptors), threads - before.threads, files.length],
      [2, 1, 2],
    );
    const { descriptors: d, threads: t, files: f, ...unchanged } = before;
    assert.deepEqual(same, unchanged);
    await program.call('disable');
    await until(async () => (await program.call('traces')).threads === before.threads, 'the thread has ended');
    assert.deepEqual(await program.call('traces'), before);
    assert.equal(await program.end(), 0);
  });

  it('leave nothing of the program changed, when a tracer had them', async function () {
    needsRoot(this);
    needsTools(this, 'bpftrace');
    const program = await NamesProgram.start(scene.current, { env: { SONDE_BACKEND: 'systemtap' } });
    const before = await warm(program);
    const object = join(scene.current.objects, 'node.so');
    const tracer = bpftrace(scene.current, `usdt:${object}:node:stacks__on {} usdt:${object}:node:stacks__jitdump {}`);
    await until(async () => (await program.call('status')).wanted.length === 2, 'the tracer is there');
    assert.equal((await program.call('traces')).files.length, 2);
    await tracer.stop();
    await until(async () => !(await program.call('status')).on, 'names are off');
    const { listeners, resources } = await program.call('traces');
    assert.deepEqual([listeners, resources], [before.listeners, before.resources]);
    assert.ok(existsSync(program.map), 'bpftrace reads it when it has detached');
    await until(async () => (await program.call('traces')).threads === before.threads, 'the files are gone');
    assert.deepEqual(await program.call('traces'), before);
    assert.equal(await program.end(), 0);
  });

  for (const [how, end] of Object.entries<(program: NamesProgram) => Promise<unknown>>({
    'comes to its end': (program) => program.end(),
    'calls process.exit': (program) => program.call('exit', 0).catch(() => {}),
  })) {
    it(`leave no file when the program ${how}, and what is there while they are on stays`, async function () {
      needsRoot(this);
      needsTools(this, 'bpftrace');
      const program = await NamesProgram.start(scene.current, { env: { SONDE_BACKEND: 'systemtap' } });
      const object = join(scene.current.objects, 'node.so');
      const tracer = bpftrace(scene.current, `usdt:${object}:node:stacks__on {}`);
      await until(async () => (await program.call('status')).on, 'names are on');
      await tracer.stop();
      await until(async () => !(await program.call('status')).on, 'names are off');
      assert.ok(existsSync(program.map));
      await end(program);
      await until(() => !existsSync(program.map), 'the file is gone', 2000);

      const traced = await NamesProgram.start(scene.current);
      await traced.call('enable');
      await traced.call('call', 'theLastThing');
      await end(traced);
      assert.match(traced.names(), /theLastThing/);
    });
  }

  it('leave no file when the only thread that had them is terminated', async () => {
    const program = await NamesProgram.start(scene.current);
    assert.ok((await program.call('startWorker', true))!.on);
    await program.call('askWorker', 10);
    await program.call('endWorker');
    assert.ok(statSync(program.map).size > 0, 'a tracer may still print');
    await until(() => !existsSync(program.map), 'the file is gone');
    // The addon is not gone with the last thread that had it loaded.
    assert.ok((await program.call('startWorker', true))!.on);
    await program.call('endWorker');
    assert.equal(await program.end(), 0);
  });

  it('do not make the process grow, however often they come, and in however many threads', async () => {
    const program = await NamesProgram.start(scene.current);
    const early = await program.call('turn', 30, 8);
    const late = await program.call('turn', 60, 16);
    assert.ok(late - early < MOST_GROWTH, `from ${early >> 20} MiB to ${late >> 20}`);
    assert.deepEqual(await program.call('status'), { on: false, wanted: [] });
    // Threads that come and go while the main one has names.
    await program.call('enable');
    const before = await program.call('turn', 0, 8);
    const after = await program.call('turn', 0, 16);
    assert.ok(after - before < MOST_GROWTH, `from ${before >> 20} MiB to ${after >> 20}`);
    const { bytes } = await program.call('status');
    assert.ok(bytes! < 8 * 2 ** 20, `the map has ${bytes} bytes`);
    assert.equal(await program.end(), 0);
  });
});

/** What is seen when all has been there once. */
async function warm(program: NamesProgram) {
  await program.call('enable', { jitdump: true });
  await program.call('runScript', 'warm');
  await program.call('disable');
  let traces = await program.call('traces');
  for (let quiet = 0; quiet < 5; quiet++) {
    await setTimeout(50);
    const now = await program.call('traces');
    if (now.threads !== traces.threads) quiet = 0;
    traces = now;
  }
  return traces;
}

function count(kinds: Record<string, number>): number {
  return Object.values(kinds).reduce((sum, each) => sum + each, 0);
}
