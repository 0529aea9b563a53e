// The files that give stacks names have names that everybody knows, in a folder of everybody: V8
// makes such itself, so do other processes of this number, and anybody may have put anything there.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { makeTmp, NamesProgram, needsOtherFolderThanTmp, until, withTmp } from '../../support/names-program.js';
import { useScene } from '../../support/scene.js';
import { asUser, needsOtherUser, needsRoot, OTHER_USER } from '../../support/tools.js';

/** Somebody who has no other processes. */
const LIMITED = 54_321;
/** Files of processes that have ended are older than those that run. */
const LONG_AGO = new Date(2020, 1, 1);

describe('The files of names in stacks', function () {
  this.timeout(60_000);
  const scene = useScene();
  const newTmp = () => makeTmp(join(scene.current.folder, 'tmp'));

  before(function () {
    needsOtherFolderThanTmp(this);
  });

  describe('where V8 writes a map of its own', () => {
    for (const flags of [['--perf-basic-prof'], ['--perf-basic-prof-only-functions']]) {
      it(`are V8's, with ${flags}`, () => isLeftToV8({ execArgv: flags }));
    }

    it("are V8's, with NODE_OPTIONS", () => isLeftToV8({ env: { NODE_OPTIONS: '--perf-basic-prof' } }));

    it("become V8's when it begins to write one, in a new thread", async () => {
      const program = await NamesProgram.start(scene.current);
      assert.ok((await program.call('enable')).on);
      await program.shows('node:');
      await program.call('setFlags', '--perf-basic-prof');
      await program.call('startWorker', false);
      await program.call('call', 'whatIsNew');
      await until(async () => !(await program.call('status')).on, 'names are off');
      assert.match((await program.call('status')).reason!, /perf-\d+\.map is not ours any more/);
      await program.call('askWorker', 3);
      await program.call('endWorker');
      const { ino } = statSync(program.map);
      await program.call('disable');
      await setTimeout(200);
      assert.deepEqual([statSync(program.map).ino, /^[0-9a-f]+ [0-9a-f]+ /m.test(program.names())], [ino, true]);
      assert.equal(await program.end(), 0);
    });

    async function isLeftToV8(options: { execArgv?: string[]; env?: Record<string, string> }): Promise<void> {
      const program = await NamesProgram.start(scene.current, options);
      await program.call('call', 'early');
      const { ino } = statSync(program.map);
      const { on, reason, map } = await program.call('enable');
      assert.deepEqual([on, map], [false, undefined]);
      assert.match(reason!, /perf-\d+\.map is written by this process already, as with --perf-basic-prof/);
      await program.call('call', 'meanwhile');
      await program.call('disable');
      await program.call('call', 'afterwards');
      assert.equal(statSync(program.map).ino, ino);
      for (const name of ['early', 'meanwhile', 'afterwards']) await program.shows(name);
    }
  });

  it("leave V8's jitdump alone", async function () {
    needsRoot(this);
    const tmp = newTmp();
    // It goes to where the program was started.
    const program = await NamesProgram.start(scene.current, {
      tmp,
      execArgv: ['--perf-prof'],
      through: withTmp(tmp, { before: 'cd /tmp;' }),
    });
    const { ino } = statSync(program.dump);
    const { on, reason } = await program.call('enable', { jitdump: true });
    assert.equal(on, false);
    assert.match(reason!, /jit-\d+\.dump is written by this process already, as with .*--perf-prof/);
    assert.ok(!existsSync(program.map));
    await program.call('disable');
    assert.equal(statSync(program.dump).ino, ino);
  });

  describe('of another process with the same number, in another PID namespace', () => {
    before(function () {
      needsRoot(this);
    });

    it('are left alone while it lives, and replaced when it is dead', async () => {
      const tmp = newTmp();
      const options = { tmp, through: withTmp(tmp, { pid: true }) };
      const first = await NamesProgram.start(scene.current, options);
      assert.ok((await first.call('enable', { jitdump: true })).on);
      const second = await NamesProgram.start(scene.current, options);
      assert.equal(second.map, first.map);
      const { on, reason } = await second.call('enable', { jitdump: true });
      assert.equal(on, false);
      assert.match(reason!, /perf-1\.map is written by another process, which has the number 1, too/);
      await second.call('disable');
      await first.call('call', 'stillHere');
      await first.shows('stillHere');
      assert.ok(existsSync(first.dump));
      await first.call('disable');
      assert.ok(!existsSync(first.map));
      assert.ok((await second.call('enable')).on);
      await second.call('call', 'nowMine');
      await second.shows('nowMine');
      assert.ok(!second.names().includes('stillHere'));
      assert.equal((await first.call('enable')).on, false);
      await second.kill();
      // Whoever comes next is younger than what is left.
      const third = await NamesProgram.start(scene.current, options);
      assert.equal((await third.call('enable')).reason, undefined);
      await third.call('call', 'andMine');
      await third.shows('andMine');
      assert.doesNotMatch(third.names(), /nowMine/);
    });

    it('are left alone where V8 writes them, which locks nothing', async () => {
      const tmp = newTmp();
      const through = withTmp(tmp, { pid: true });
      const first = await NamesProgram.start(scene.current, { tmp, through, execArgv: ['--perf-basic-prof'] });
      const second = await NamesProgram.start(scene.current, { tmp, through });
      const { ino } = statSync(first.map);
      assert.match((await second.call('enable')).reason!, /is written by another process, which has the number 1, too/);
      await second.call('disable');
      await first.call('call', 'stillHere');
      await first.shows('stillHere');
      assert.equal(statSync(first.map).ino, ino);
    });

    it('are of one of two that want the place of a dead one at once', async () => {
      const tmp = newTmp();
      const map = join(tmp, 'perf-1.map');
      const options = { tmp, through: withTmp(tmp, { pid: true }) };
      const programs = [
        await NamesProgram.start(scene.current, options),
        await NamesProgram.start(scene.current, options),
      ];
      for (let i = 0; i < 20; i++) {
        writeFileSync(map, '1000 10 stale\n');
        utimesSync(map, LONG_AGO, LONG_AGO);
        const told = await Promise.all(programs.map((program) => program.call('enable')));
        assert.deepEqual(told.map(({ on }) => on).toSorted(), [false, true], JSON.stringify(told));
        const owner = programs[told.findIndex(({ on }) => on)]!;
        await owner.call('flush');
        assert.doesNotMatch(owner.names(), /stale/);
        for (const program of programs) await program.call('disable');
        assert.ok(!existsSync(map));
      }
    });
  });

  it('replace what a dead process left, and nothing that was written since', async () => {
    const program = await NamesProgram.start(scene.current);
    writeFileSync(program.map, 'kept\n');
    assert.match(
      (await program.call('enable')).reason!,
      /was written since this process began, and not by sonde: remove it/,
    );
    await program.call('disable');
    assert.equal(program.names(), 'kept\n');
    utimesSync(program.map, LONG_AGO, LONG_AGO);
    assert.ok((await program.call('enable')).on);
    await program.call('flush');
    assert.doesNotMatch(program.names(), /kept/);
  });

  describe('that somebody else has put there', () => {
    const plants: Record<string, { put(path: string): void; why: RegExp }> = {
      'a file': { put: (path) => writeFileSync(path, 'planted\n'), why: /is there, and belongs to user \d+/ },
      'a link': { put: (path) => symlinkSync(`${path}.target`, path), why: /is there, and is no regular file/ },
      'a folder': { put: (path) => mkdirSync(path), why: /is there, and is no regular file/ },
      'a pipe': {
        put: (path) => assert.equal(spawnSync('mkfifo', [path]).status, 0),
        why: /is there, and is no regular file/,
      },
    };

    before(function () {
      needsOtherUser(this);
    });

    for (const [what, { put, why }] of Object.entries(plants)) {
      for (const ours of [0, OTHER_USER]) {
        const theirs = ours === 0 ? OTHER_USER : 0;
        it(`are neither followed, written, nor removed: ${what} of user ${theirs}, where we are ${ours}`, async () => {
          const tmp = newTmp();
          const program = await NamesProgram.start(scene.current, { tmp, through: [...withTmp(tmp), ...asUser(ours)] });
          for (const [file, options] of [
            ['map', {}],
            ['dump', { jitdump: true }],
          ] as const) {
            const path = program[file];
            put(path);
            if (what === 'a link') writeFileSync(`${path}.target`, 'target\n');
            for (const each of [path, `${path}.target`])
              if (existsSync(each) && what !== 'a link') chownSync(each, theirs, theirs);
            utimesSync(what === 'a link' ? `${path}.target` : path, LONG_AGO, LONG_AGO);
            const before = lstatSync(path);
            const { on, reason } = await program.call('enable', options);
            assert.equal(on, false);
            assert.match(reason!, why);
            await program.call('disable');
            const after = lstatSync(path);
            assert.deepEqual([after.ino, after.size, after.mtimeMs], [before.ino, before.size, before.mtimeMs]);
            if (what === 'a link') assert.equal(readFileSync(`${path}.target`, 'utf8'), 'target\n');
            rmSync(path, { recursive: true });
          }
          assert.ok((await program.call('enable', { jitdump: true })).on);
        });
      }
    }

    it('do not keep the map from being written anew', async () => {
      const program = await NamesProgram.start(scene.current);
      mkdirSync(`${program.map}.new`);
      try {
        await program.call('enable');
        await isWrittenAnew(program);
        assert.equal((await program.call('status')).reason, undefined);
      } finally {
        rmSync(`${program.map}.new`, { recursive: true });
      }
    });
  });

  it('are for this user alone, whatever the umask is', async function () {
    needsRoot(this);
    const tmp = newTmp();
    const program = await NamesProgram.start(scene.current, { tmp, through: withTmp(tmp, { before: 'umask 0;' }) });
    await program.call('enable', { jitdump: true });
    const modes = () => [program.map, program.dump].map((file) => (statSync(file).mode & 0o7777).toString(8));
    assert.deepEqual(modes(), ['600', '600']);
    await isWrittenAnew(program);
    assert.deepEqual(modes(), ['600', '600']);
  });

  it('come again when something removes the map', async () => {
    const program = await NamesProgram.start(scene.current);
    await program.call('enable');
    await program.call('flush');
    rmSync(program.map);
    await program.call('call', 'afterThat');
    await program.shows('afterThat');
    assert.match(program.names(), /node:/);
    assert.deepEqual([(await program.call('status')).on, (await program.call('status')).reason], [true, undefined]);
  });

  it('are not touched any more when something else takes their place', async () => {
    const program = await NamesProgram.start(scene.current);
    await program.call('enable');
    await program.call('flush');
    rmSync(program.map);
    writeFileSync(program.map, 'theirs\n');
    await program.call('call', 'afterThat');
    await until(async () => !(await program.call('status')).on, 'names are off');
    assert.match((await program.call('status')).reason!, /is not ours any more/);
    await program.call('disable');
    assert.equal(program.names(), 'theirs\n');
  });

  describe('where there is no place', () => {
    before(function () {
      needsRoot(this);
    });

    it('say so, and are whole and no larger until there is', async () => {
      const tmp = newTmp();
      // As large as what there is to tell at first, and some of what comes.
      const before = 'mount -t tmpfs -o size=600k tmpfs /tmp;';
      const program = await NamesProgram.start(scene.current, { tmp, through: withTmp(tmp, { before }) });
      const inside = `/proc/${program.pid}/root/tmp`;
      const map = () => readFileSync(join(inside, `perf-${program.pid}.map`), 'utf8');
      await program.call('enable');
      await program.call('make', 12_000);
      await until(async () => (await program.call('status')).reason !== undefined, 'the disk is full');
      const { on, reason } = await program.call('status');
      assert.deepEqual([on, /perf-\d+\.map: No space left on device/.test(reason!)], [true, true], reason);
      await program.call('make', 1000);
      await setTimeout(500);
      // What is less than all that waits may still fit.
      await until(async () => map().length === (await program.call('status')).bytes, 'the status tells what is there');
      for (const line of map().trimEnd().split('\n')) assert.match(line, /^[0-9a-f]+ [0-9a-f]+ ./);
      assert.deepEqual(readdirSync(inside), [`perf-${program.pid}.map`]);
      spawnSync('nsenter', ['--mount', '--target', String(program.pid), 'mount', '-o', 'remount,size=20m', '/tmp']);
      await until(async () => (await program.call('status')).reason === undefined, 'there is space again');
      await program.call('call', 'afterThat');
      await program.call('flush');
      assert.match(map(), /afterThat/);
      assert.equal(await program.end(), 0);
    });

    it('end a jitdump with what is whole, and go on with the map', async () => {
      const tmp = newTmp();
      const before = 'mount -t tmpfs -o size=2m tmpfs /tmp;';
      const program = await NamesProgram.start(scene.current, { tmp, through: withTmp(tmp, { before }) });
      await program.call('enable', { jitdump: true });
      await program.call('make', 3000);
      await until(async () => (await program.call('status')).reason !== undefined, 'the disk is full');
      assert.match((await program.call('status')).reason!, /jit-\d+\.dump: No space left on device/);
      const dump = readFileSync(`/proc/${program.pid}/root/tmp/jit-${program.pid}.dump`);
      let end = dump.readUInt32LE(8);
      while (end < dump.length) end += dump.readUInt32LE(end + 4);
      assert.equal(end, dump.length);
      assert.equal((await program.call('status')).on, true);
    });

    it('say so where /tmp is read-only', async () => {
      const tmp = newTmp();
      const before = 'mount -t tmpfs -o ro tmpfs /tmp;';
      const program = await NamesProgram.start(scene.current, { tmp, through: withTmp(tmp, { before }) });
      assert.match((await program.call('enable')).reason!, /perf-\d+\.map: Read-only file system/);
      assert.equal(await program.end(), 0);
    });

    const limits: Record<string, { limit: string; why: RegExp }> = {
      'no descriptor': { limit: '--nofile=3', why: /: Too many open files|cannot be read/ },
      'no thread': {
        limit: '--nproc=1',
        why: /no thread can be had that writes the map: Resource temporarily unavailable/,
      },
    };
    for (const [what, { limit, why }] of Object.entries(limits)) {
      it(`say so where there is ${what} left, and come when there is one`, async function () {
        needsOtherUser(this);
        const tmp = newTmp();
        const program = await NamesProgram.start(scene.current, {
          tmp,
          through: [...withTmp(tmp), ...asUser(LIMITED)],
        });
        const limited = (to: string) => {
          const [command, ...args] = [...asUser(LIMITED), 'prlimit', '--pid', String(program.pid), to];
          const { status, stderr } = spawnSync(command!, args);
          assert.equal(status, 0, String(stderr));
        };
        // The addon is there.
        await program.call('enable');
        await program.call('disable');
        limited(`${limit}:`);
        const { on, reason } = await program.call('enable');
        assert.equal(on, false);
        assert.match(reason!, why);
        assert.deepEqual(readdirSync(tmp), []);
        limited(`${limit.replace(/\d+/, '1024')}:`);
        await program.call('disable');
        assert.ok((await program.call('enable')).on);
        assert.equal(await program.end(), 0);
      });
    }
  });
});

/** Waits until that is so. */
async function isWrittenAnew(program: NamesProgram): Promise<void> {
  const { ino } = statSync(program.map);
  await until(async () => {
    await program.call('make', 200);
    await program.call('flush');
    return statSync(program.map).ino !== ino;
  }, 'the map is written anew');
}
