import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
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
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Status } from 'sonde';
import { needsRoot } from '../support/tools.js';

const program = fileURLToPath(new URL('program.js', import.meta.url));
const NOBODY = 65534;

describe('probe object files', () => {
  if (process.platform !== 'linux') return;
  let root: string;
  let folder: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sonde-files-'));
    folder = join(root, 'objects');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  /** Runs the program and returns its one provider's status. It must run whatever there is, and say nothing else. */
  function run(env: NodeJS.ProcessEnv = { SONDE_DIR: folder }) {
    const { SONDE_DIR: _, XDG_RUNTIME_DIR: __, ...clean } = process.env;
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [program], {
      encoding: 'utf8',
      timeout: 20_000,
      env: { ...clean, SONDE_BACKEND: 'systemtap', ...env },
    });
    assert.deepEqual([status, signal, stderr], [0, null, '']);
    const told: Status = JSON.parse(stdout);
    assert.equal(told.backend, 'systemtap');
    return told.providers[0]!;
  }

  /** The object was refused, for this reason, and mapped from memory instead: the probes are there all the same. */
  function refused({ location, reason, probes }: ReturnType<typeof run>, why: RegExp): void {
    assert.match(reason ?? 'no reason', why);
    assert.match(location!, /^\/proc\/\d+\/fd\/\d+$/);
    assert.equal(probes[0]!.tracer, `usdt:${location}:files:probe`);
    assert.equal(probes[0]!.errors, 0);
  }

  const mode = (path: string) => (lstatSync(path).mode & 0o777).toString(8);
  const parts = () => readdirSync(folder).filter((name) => name.startsWith('.'));

  it('are made in a directory of our own, readable by us alone, with a link to the newest', () => {
    const { location, reason } = run();
    assert.equal(reason, undefined);
    assert.match(basename(location!), /^files-[0-9a-f]{40}\.so$/);
    assert.equal(mode(folder), '700');
    assert.equal(mode(location!), '600');
    assert.equal(readlinkSync(join(folder, 'files.so')), basename(location!));
    assert.deepEqual(readdirSync(folder).sort(), [basename(location!), 'files.so']);
  });

  it('are shared by all that have the same definition, and left alone', () => {
    const first = run().location!;
    const { ino, ctimeMs } = statSync(first);
    assert.equal(run().location, first);
    assert.deepEqual([statSync(first).ino, statSync(first).ctimeMs], [ino, ctimeMs]);
  });

  it('lie beside those of other definitions; the link goes to the last one loaded', () => {
    const first = run().location!;
    const second = run({ SONDE_DIR: folder, SONDE_TEST_PROBES: 'probe,another' }).location!;
    assert.notEqual(first, second);
    assert.equal(realpathSync(join(folder, 'files.so')), realpathSync(second));
    run();
    assert.equal(realpathSync(join(folder, 'files.so')), realpathSync(first));
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
    const beside = run({ XDG_RUNTIME_DIR: join(program, 'no-directory'), TMPDIR: tmp });
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
    const old = join(folder, '.files-0.so.1-1.part');
    const young = join(folder, '.files-0.so.2-1.part');
    writeFileSync(old, 'half');
    writeFileSync(young, 'half');
    utimesSync(old, 1, 1);
    run({ SONDE_DIR: folder, SONDE_TEST_PROBES: 'probe,other' });
    assert.equal(existsSync(old), false);
    assert.equal(existsSync(young), true);
  });

  describe('are refused, with the reason, and never loaded', () => {
    it('in a directory that is a link', () => {
      mkdirSync(join(root, 'elsewhere'), { mode: 0o700 });
      symlinkSync(join(root, 'elsewhere'), folder);
      refused(run(), /objects is a symbolic link: remove it, or set SONDE_DIR to a directory of your own/);
      assert.deepEqual(readdirSync(join(root, 'elsewhere')), []);
    });

    it('in a directory that others can write', () => {
      mkdirSync(folder);
      chmodSync(folder, 0o777);
      refused(run(), /objects can be written by others \(mode 777\)/);
      assert.deepEqual(readdirSync(folder), []);
    });

    it('where a file is in the place of the directory', () => {
      writeFileSync(folder, '');
      refused(run(), /objects is not a directory/);
    });

    it('in a directory of another user', function () {
      needsRoot(this);
      mkdirSync(folder, { mode: 0o700 });
      chownSync(folder, NOBODY, NOBODY);
      refused(run(), /objects belongs to user 65534 and not to 0/);
      assert.deepEqual(readdirSync(folder), []);
    });

    it('when another user has put the file there, even with the right content', function () {
      needsRoot(this);
      const { location } = run();
      chownSync(location!, NOBODY, NOBODY);
      refused(run(), /files-[0-9a-f]+\.so belongs to user 65534/);
    });

    it('when the file is a link, even to the right content', () => {
      const { location } = run();
      const content = readFileSync(location!);
      writeFileSync(join(root, 'planted.so'), content);
      rmSync(location!);
      symlinkSync(join(root, 'planted.so'), location!);
      refused(run(), /files-[0-9a-f]+\.so is a symbolic link/);
    });

    it('when the file is a pipe, without waiting for it', () => {
      const { location } = run();
      rmSync(location!);
      assert.equal(spawnSync('mkfifo', [location!]).status, 0);
      refused(run(), /is not a file/);
    });

    it('when others can write the file', () => {
      const { location } = run();
      chmodSync(location!, 0o666);
      refused(run(), /can be written by others \(mode 666\)/);
    });
  });

  describe('are kept from where another user could exchange their directory', () => {
    it('below a directory of another user', function () {
      needsRoot(this);
      const theirs = join(root, 'theirs');
      mkdirSync(theirs);
      chownSync(theirs, NOBODY, NOBODY);
      refused(
        run({ SONDE_DIR: join(theirs, 'objects') }),
        /objects lies in .*theirs, which others can change \(user 65534,/,
      );
    });

    it('below a directory that others can write', () => {
      const open = join(root, 'open');
      mkdirSync(open);
      chmodSync(open, 0o777);
      refused(
        run({ SONDE_DIR: join(open, 'objects') }),
        /lies in .*open, which others can change \(user \d+, mode 777\)/,
      );
      chmodSync(open, 0o1777);
      assert.equal(run({ SONDE_DIR: join(open, 'objects') }).reason, undefined);
    });

    it('below a link of another user', function () {
      needsRoot(this);
      const theirs = join(root, 'theirs');
      mkdirSync(theirs);
      mkdirSync(join(root, 'real'));
      symlinkSync(join(root, 'real'), join(theirs, 'link'));
      chownSync(theirs, NOBODY, NOBODY);
      refused(run({ SONDE_DIR: join(theirs, 'link/objects') }), /lies in .*theirs, which others can change/);
    });

    it('in the XDG_RUNTIME_DIR of another user, which su leaves behind', function () {
      needsRoot(this);
      const xdg = join(root, 'run');
      mkdirSync(xdg, { mode: 0o700 });
      chownSync(xdg, NOBODY, NOBODY);
      const { location } = run({ XDG_RUNTIME_DIR: xdg, TMPDIR: root });
      assert.equal(join(location!, '..'), join(root, 'sonde-0'));
      assert.deepEqual(readdirSync(xdg), []);
    });
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
      mounted('noexec,mode=0700', () => refused(run(), /failed to map segment from shared object/));
    });

    it('where the file system is read-only', function () {
      needsRoot(this);
      mounted('ro,mode=0700', () => refused(run(), /EROFS/));
    });

    it('where no directory can be made at all, without waiting', () => {
      refused(run({ SONDE_DIR: '/proc/sonde/objects' }), /\/proc\/sonde cannot be made/);
    });

    it('where the user may not write', function () {
      needsRoot(this);
      chmodSync(root, 0o755);
      mkdirSync(join(root, 'tmp'), { mode: 0o555 });
      refused(run({ TMPDIR: join(root, 'tmp'), SONDE_TEST_USER: String(NOBODY) }), /EACCES/);
    });
  });
});
