// Many processes and one directory of probe objects.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { lstatSync, lutimesSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { attached, bpftrace, COUNT_START, counted } from './support/bpftrace.js';
import { goAll, objectName, start } from './support/many-processes.js';
import { type Scene, useScene } from './support/scene.js';
import { needsRoot, needsTools } from './support/tools.js';

/** Two hundred of them: test/hard/processes.test.ts. */
const STARTED_AT_ONCE = 20;
const KILLED = 60;
/** From the first line of the program on; some are killed before it, too. */
const KILLED_WITHIN_MS = 50;

describe('Many processes', function () {
  this.timeout(120_000);
  const scene = useScene();

  it(`start at once, ${STARTED_AT_ONCE} of them, and map one file`, async () => {
    const processes = Array.from({ length: STARTED_AT_ONCE }, () => start(scene.current, 'short-program'));
    const told = await goAll(processes);
    const [first] = told;
    assert.equal(first!.location, join(scene.current.objects, objectName(scene.current)));
    assert.equal(first!.inode, lstatSync(first!.location).ino);
    // The same place and inode, and no reason why it would be another.
    for (const one of told) assert.deepEqual(one, first);
    assert.deepEqual(readdirSync(scene.current.objects).sort(), ['.parts', objectName(scene.current), 'smtp.so']);
    assert.deepEqual(readdirSync(join(scene.current.objects, '.parts')), []);
    assert.equal(readlinkSync(join(scene.current.objects, 'smtp.so')), objectName(scene.current));
  });

  it('start at once where the object was damaged, and all get a whole one', async () => {
    const { location } = (await goAll([start(scene.current, 'short-program')]))[0]!;
    const whole = readFileSync(location);
    // As a full disk or a crash of the system leaves it.
    writeFileSync(location, whole.subarray(0, 100));
    const told = await goAll(Array.from({ length: 20 }, () => start(scene.current, 'short-program')));
    const { ino } = lstatSync(location);
    for (const { location: place, reason, inode } of told) {
      assert.deepEqual({ place, reason, inode }, { place: location, reason: undefined, inode: ino });
    }
    assert.deepEqual(readFileSync(location), whole);
    assert.deepEqual(readdirSync(scene.current.objects).sort(), ['.parts', objectName(scene.current), 'smtp.so']);
    assert.deepEqual(readdirSync(join(scene.current.objects, '.parts')), []);
  });

  it(`are killed at any moment, ${KILLED} of them, and the next one finds all it needs`, async () => {
    await killMany(scene.current);
    const written = objectFiles(scene.current);
    const [told] = await goAll([start(scene.current, 'short-program')]);
    assert.equal(told!.reason, undefined);
    assert.equal(told!.location, join(scene.current.objects, objectName(scene.current)));
    // Nothing that has an object's name was half written: the next one takes all of them as they
    // are.
    const next = start(scene.current, 'writing-program', String(written.size));
    next.stdout!.resume();
    assert.deepEqual(await once(next, 'exit'), [0, null]);
    const [smtp, ...others] = [...objectFiles(scene.current)].reverse();
    assert.match(smtp![0], /^smtp-/);
    assert.deepEqual(others.reverse(), [...written]);
  });

  it('are killed at any moment, and what they leave is removed by who writes a minute later', async () => {
    await killMany(scene.current);
    const parts = join(scene.current.objects, '.parts');
    const minuteAgo = new Date(Date.now() - 61_000);
    for (const name of readdirSync(parts)) lutimesSync(join(parts, name), minuteAgo, minuteAgo);
    // One of this moment may be somebody's.
    writeFileSync(join(parts, 'somebody'), '');
    await goAll([start(scene.current, 'short-program')]);
    assert.deepEqual(readdirSync(parts), ['somebody']);
  });

  describe('traced', () => {
    before(function () {
      needsTools(this, 'bpftrace');
      needsRoot(this);
    });

    it('are killed at any moment, and the next one is traced', async () => {
      await killMany(scene.current);
      const program = await scene.current.program();
      const object = await program.object();
      assert.ok(object.startsWith(scene.current.objects));
      const tracer = bpftrace(scene.current, `usdt:${object}:smtp:session__start ${COUNT_START}`);
      await attached(tracer, program);
      await program.call('fireMany', 100);
      assert.deepEqual(await counted(tracer, program), { fires: 100, ports: 4950 });
    });
  });
});

/**
 * Kills programs that write objects, each at a random time; a few run at once, in each other's way.
 */
async function killMany(scene: Scene): Promise<void> {
  let started = 0;
  const lane = async () => {
    while (started++ < KILLED) {
      const child = start(scene, 'writing-program');
      const end = once(child, 'exit');
      // Every tenth while it starts, the others while they write.
      if (started % 10 > 0) await once(child.stdout!, 'data');
      await setTimeout(Math.random() * KILLED_WITHIN_MS);
      child.kill('SIGKILL');
      assert.deepEqual(await end, [null, 'SIGKILL']);
    }
  };
  await Promise.all(Array.from({ length: 3 }, lane));
}

/** The objects and their inodes, by name. */
function objectFiles({ objects }: Scene): Map<string, number> {
  const names = readdirSync(objects).filter((name) => /^[a-z]+-[0-9a-f]{40}\.so$/.test(name));
  return new Map(names.sort().map((name) => [name, lstatSync(join(objects, name)).ino]));
}
