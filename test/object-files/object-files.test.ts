import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { needsRoot } from '../support/tools.js';
import { assertRefused, NOBODY, PROGRAM, runProgram } from './run-program.js';

describe('probe object files', () => {
  if (process.platform !== 'linux') return;
  let root: string;
  let folder: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sonde-files-'));
    folder = join(root, 'objects');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const run = (env: NodeJS.ProcessEnv = { SONDE_DIR: folder }) => runProgram(env);
  const mode = (path: string) => (lstatSync(path).mode & 0o777).toString(8);
  const parts = () => readdirSync(join(folder, '.parts'));

  it('are made in a directory of our own, readable by us alone, with a link to the newest', () => {
    const { location, reason } = run();
    assert.equal(reason, undefined);
    assert.match(basename(location!), /^files-[0-9a-f]{40}\.so$/);
    assert.equal(mode(folder), '700');
    assert.equal(mode(location!), '600');
    assert.equal(readlinkSync(join(folder, 'files.so')), basename(location!));
    assert.deepEqual(readdirSync(folder).sort(), ['.parts', basename(location!), 'files.so']);
    assert.deepEqual([mode(join(folder, '.parts')), parts()], ['700', []]);
  });

  it('are shared by all that have the same definition, and left alone', () => {
    const first = run().location!;
    const { ino, ctimeMs } = statSync(first);
    assert.equal(run().location, first);
    assert.deepEqual([statSync(first).ino, statSync(first).ctimeMs], [ino, ctimeMs]);
  });

  describe('have a link to the newest definition', () => {
    const leadsTo = (path: string) => realpathSync(join(folder, 'files.so')) === realpathSync(path);
    const another = { SONDE_TEST_PROBES: 'probe,another' };

    /** Runs the program, which goes on for so long. */
    async function runFor(ms: number, env: NodeJS.ProcessEnv) {
      const program = spawn(process.execPath, [PROGRAM], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, SONDE_BACKEND: 'systemtap', SONDE_DIR: folder, SONDE_TEST_MS: `${ms}`, ...env },
      });
      let told = '';
      for await (const text of program.stdout.setEncoding('utf8')) told += text;
      return JSON.parse(told.split('\n')[0]!).providers[0] as ReturnType<typeof run>;
    }

    it('which a program takes that runs for a second, and not one that ends before', async () => {
      const first = run().location!;
      assert.ok(leadsTo(first));
      const { location, newest } = run({ SONDE_DIR: folder, ...another });
      assert.notEqual(location, first);
      assert.ok(leadsTo(first));
      assert.equal(newest, first);
      await runFor(1500, another);
      assert.ok(leadsTo(location!));
      assert.equal(run({ SONDE_DIR: folder, ...another }).newest, undefined);
      assert.equal(run().newest, location);
    });

    it('at once, where it leads nowhere', () => {
      const first = run().location!;
      rmSync(first);
      const second = run({ SONDE_DIR: folder, ...another }).location!;
      assert.ok(leadsTo(second));
    });

    it('of its own for the ebpf backend, whose objects have no notes', () => {
      const first = run().location!;
      const second = run({ SONDE_DIR: folder, SONDE_BACKEND: 'ebpf' }).location!;
      assert.notEqual(first, second);
      assert.ok(leadsTo(first));
      assert.equal(realpathSync(join(folder, 'files.ebpf.so')), realpathSync(second));
    });

    it('or none, where something else has its name: nothing is left behind', () => {
      mkdirSync(join(folder, 'files.so'), { recursive: true, mode: 0o700 });
      for (let i = 0; i < 3; i++) assert.equal(run().reason, undefined);
      assert.deepEqual(parts(), []);
    });
  });

  it('lie in SONDE_DIR, else XDG_RUNTIME_DIR, else the temporary directory', () => {
    const xdg = join(root, 'run');
    const tmp = join(root, 'tmp');
    mkdirSync(xdg);
    mkdirSync(tmp);
    const all = { SONDE_DIR: join(root, 'deep/er/objects'), XDG_RUNTIME_DIR: xdg, TMPDIR: tmp };
    assert.equal(join(run(all).location!, '..'), all.SONDE_DIR);
    assert.equal(join(run({ ...all, SONDE_DIR: '' }).location!, '..'), join(xdg, 'sonde'));
    assert.equal(join(run({ TMPDIR: tmp }).location!, '..'), join(tmp, `sonde-${process.getuid!()}`));
    const beside = run({ XDG_RUNTIME_DIR: join(PROGRAM, 'no-directory'), TMPDIR: tmp });
    assert.equal(join(beside.location!, '..'), join(tmp, `sonde-${process.getuid!()}`));
    assert.equal(beside.reason, undefined);
  });

  it('lie at an absolute path, however SONDE_DIR is written', () => {
    assert.equal(join(run({ SONDE_DIR: `${relative(process.cwd(), folder)}/./` }).location!, '..'), folder);
    assert.equal(realpathSync(join(folder, 'files.so')), realpathSync(run().location!));
  });

  it('are written anew when damaged, in their place', () => {
    const { location } = run();
    const whole = readFileSync(location!);
    const { ino } = statSync(location!);
    truncateSync(location!, 100);
    assert.equal(run().location, location);
    assert.deepEqual(readFileSync(location!), whole);
    writeFileSync(location!, Buffer.alloc(whole.length + 1));
    assert.equal(run().location, location);
    assert.deepEqual(readFileSync(location!), whole);
    assert.equal(statSync(location!).ino, ino);
    assert.deepEqual(parts(), []);
  });

  it('take away what killed processes left, and not what others are writing', () => {
    run();
    const old = join(folder, '.parts/1-1');
    const young = join(folder, '.parts/2-1');
    writeFileSync(old, 'half');
    writeFileSync(young, 'half');
    utimesSync(old, 1, 1);
    run({ SONDE_DIR: folder, SONDE_TEST_PROBES: 'probe,other' });
    assert.equal(existsSync(old), false);
    assert.equal(existsSync(young), true);
  });

  it('can be defined in a directory that nobody can list, however many files are in it', function () {
    needsRoot(this);
    mkdirSync(folder);
    spawnSync('chown', ['-R', `${NOBODY}:${NOBODY}`, root]);
    spawnSync('chmod', ['711', root]);
    spawnSync('chmod', ['300', folder]);
    const { reason, location } = run({ SONDE_DIR: folder, SONDE_TEST_USER: String(NOBODY) });
    assert.deepEqual([reason, existsSync(location!)], [undefined, true]);
  });

  it('say so when they are removed while the program runs, and how it can be traced then', async function () {
    needsRoot(this);
    const program = spawn(process.execPath, [PROGRAM], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, SONDE_BACKEND: 'systemtap', SONDE_DIR: folder, SONDE_TEST_MS: '3000' },
    });
    const lines = program.stdout.setEncoding('utf8')[Symbol.asyncIterator]();
    const { location } = JSON.parse((await lines.next()).value).providers[0] as ReturnType<typeof run>;
    const content = readFileSync(location!);
    rmSync(folder, { recursive: true });
    await setTimeout(100);
    const {
      location: mapped,
      reason,
      probes,
    } = JSON.parse((await lines.next()).value).providers[0] as ReturnType<typeof run>;
    assert.match(mapped!, new RegExp(`^/proc/${program.pid}/map_files/[0-9a-f]+-[0-9a-f]+$`));
    assert.ok(reason!.startsWith(`${location} was removed, or replaced, while this process used it`), reason);
    assert.equal(probes[0]!.tracer, `usdt:${mapped}:files:probe`);
    assert.deepEqual(readFileSync(mapped!), content);
    program.kill();
  });

  describe('are mapped from memory', () => {
    function mounted(options: string, test: () => void) {
      mkdirSync(folder, { mode: 0o700 });
      const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'sonde-test', folder], {
        encoding: 'utf8',
      });
      assert.equal(status, 0, stderr);
      try {
        test();
      } finally {
        spawnSync('umount', [folder]);
      }
    }

    it('where the file system forbids execution', function () {
      needsRoot(this);
      mounted('noexec,mode=0700', () => {
        assertRefused(run(), /failed to map segment from shared object: its file system forbids execution \(noexec\)$/);
        // What is of no use to anybody does not stay.
        assert.deepEqual(readdirSync(folder), ['.parts']);
      });
    });

    it('where the file system is read-only', function () {
      needsRoot(this);
      mounted('ro,mode=0700', () => assertRefused(run(), /EROFS/));
    });

    it('where no directory can be made at all, without waiting', () => {
      assertRefused(run({ SONDE_DIR: '/proc/sonde/objects' }), /\/proc\/sonde cannot be made/);
    });

    it('where the user may not write', function () {
      needsRoot(this);
      chmodSync(root, 0o755);
      mkdirSync(join(root, 'tmp'), { mode: 0o555 });
      assertRefused(run({ TMPDIR: join(root, 'tmp'), SONDE_TEST_USER: String(NOBODY) }), /EACCES/);
    });
  });
});
