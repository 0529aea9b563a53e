// Who switches names on, and that nothing is left of it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { bpftrace } from '../../support/bpftrace.js';
import { useScene } from '../../support/scene.js';
import { placeOf, StacksProgram } from '../../support/stacks-program.js';
import { needsRoot, needsTools } from '../../support/tools.js';

/** The files stay for five seconds when the last tracer has left. */
const GONE_MS = 10_000;

describe('JavaScript frames in native stacks', function () {
  this.timeout(60_000);
  const scene = useScene();

  it('come with a tracer, and go with it', async function () {
    needsRoot(this);
    needsTools(this, 'bpftrace');
    const program = await StacksProgram.start(scene.current);
    assert.deepEqual(await program.call('status'), { on: false, wanted: [] });
    assert.ok(!existsSync(program.map));
    const tracer = bpftrace(
      scene.current,
      `${program.usdt('node', 'stacks__on')} {} ${program.usdt('node', 'stacks__ready')} { printf("ready %d %d %d\\n", arg0, arg1, arg2); }`,
    );
    await until(async () => (await program.call('status')).on);
    const { entries, flushed, wanted, map } = await program.call('status');
    assert.ok(entries! > 50 && flushed, `${entries} entries`);
    assert.deepEqual([wanted, map], [['tracer'], program.map]);
    await tracer.stop();
    await until(async () => !(await program.call('status')).on);
    assert.ok(existsSync(program.map), 'bpftrace reads it when it has detached');
    await until(async () => !existsSync(program.map));
    assert.equal(await program.end(), 0);
  });

  it('come and go with the program, and then stay when it ends', async () => {
    const program = await StacksProgram.start(scene.current);
    await assert.rejects(
      program.call('enable', { jitdump: 'yes' as never }),
      /jitdump is yes, and must be true or false/,
    );
    await program.call('fire', 'interpreted');
    assert.equal((await program.call('enable', { jitdump: true })).on, true);
    await program.call('fire', 'interpreted');
    const dump = `/tmp/jit-${program.pid}.dump`;
    const isThere = () => readFileSync(program.map, 'utf8').includes(placeOf('interpretedFrame'));
    await until(async () => isThere());
    assert.equal(readFileSync(dump).toString('latin1', 0, 4), 'DTiJ');
    await program.call('disable');
    assert.deepEqual([existsSync(program.map), existsSync(dump)], [false, false]);
    assert.deepEqual(await program.call('status'), { on: false, wanted: [] });
    await program.call('enable');
    await program.call('fire', 'interpreted');
    await program.call('flush');
    assert.equal(await program.end(), 0);
    assert.ok(isThere());
  });

  it('have the lines of the source at once when the program asks for it', async () => {
    const program = await StacksProgram.start(scene.current);
    await program.call('enable');
    await program.call('fire', 'interpreted');
    await program.call('flush');
    assert.ok(readFileSync(program.map, 'utf8').includes(placeOf('interpretedFrame')));
    await program.call('disable');
  });

  it('are there within 100 ms where the program is small', async () => {
    const program = await StacksProgram.start(scene.current);
    // The quickest of some: other programs run here, too.
    const took: number[] = [];
    for (let i = 0; i < 10 && !(took.at(-1)! < 100); i++) {
      took.push((await program.call('enable')).ns! / 1e6);
      await program.call('disable');
    }
    assert.ok(took.at(-1)! < 100, `it took ${took} ms`);
  });

  it('are there from the start with SONDE_STACKS=1', async () => {
    const program = await StacksProgram.start(scene.current, { SONDE_STACKS: '1' });
    assert.deepEqual((await program.call('status')).wanted, ['program']);
    // What V8 keeps, and so has no place of its own when names come later, has one then.
    await program.call('fire', 'generator');
    await until(async () =>
      readFileSync(program.map, 'utf8').includes(placeOf('generatorFrame', 'function* generatorFrame(')),
    );
  });

  it('cost nothing that is left over: a map without what two pieces of code would claim, and profiles after it', async () => {
    const program = await StacksProgram.start(scene.current);
    for (let i = 0; i < 10; i++) {
      await program.call('enable');
      await program.call('churn', 300);
      await program.call('flush');
      // What V8 compiled since, where other code was, is appended at once, and the file written
      // anew a little later.
      await until(async () => overlapping(readFileSync(program.map, 'utf8')) === 0);
      await program.call('disable');
      await program.call('profile');
    }
    assert.equal(await program.end(), 0);
  });
});

/** How many pieces of code in a map begin before the one below them ends. */
function overlapping(map: string): number {
  const pieces = map
    .trim()
    .split('\n')
    .map((line) => line.split(' ', 2).map((digits) => BigInt(`0x${digits}`)) as [bigint, bigint])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return pieces.slice(1).filter(([start], index) => pieces[index]![0] + pieces[index]![1] > start).length;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + GONE_MS;
  while (!(await condition())) {
    if (Date.now() > end) assert.fail(`not within ${GONE_MS} ms`);
    await setTimeout(50);
  }
}
