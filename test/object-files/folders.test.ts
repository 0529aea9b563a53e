// Whose directories and files are trusted. A process must never map what another user could have
// put there, or could exchange.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needsRoot, needsTools } from '../support/tools.js';
import { assertRefused, NOBODY, runProgram } from './run-program.js';

describe('directories of probe objects', () => {
  if (process.platform !== 'linux') return;
  let root: string;
  let folder: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sonde-folders-'));
    folder = join(root, 'objects');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const run = (env: NodeJS.ProcessEnv = { SONDE_DIR: folder }) => runProgram(env);
  const refused = assertRefused;

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

  it('are taken through links that only root or this user can change', function () {
    needsRoot(this);
    mkdirSync(join(root, 'real'));
    symlinkSync(join(root, 'real'), join(root, 'absolute'));
    symlinkSync('absolute/../real', join(root, 'relative'));
    const { location, reason } = run({ SONDE_DIR: join(root, 'relative/objects') });
    assert.deepEqual([join(location!, '..'), reason], [join(root, 'real/objects'), undefined]);
  });

  it('are refused behind a link of another user, before anything is made where it leads', function () {
    needsRoot(this);
    const shared = join(root, 'shared');
    const real = join(root, 'real');
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    mkdirSync(real);
    const link = join(shared, 'link');
    symlinkSync(real, link);
    lchownSync(link, NOBODY, NOBODY);
    refused(run({ SONDE_DIR: join(link, 'objects') }), /lies in .*\/link, which others can change \(user 65534/);
    refused(run({ SONDE_DIR: join(link, 'deep/objects') }), /lies in .*\/link, which others can change/);
    assert.deepEqual(readdirSync(real), []);
  });

  it('are refused where a link leads round in circles', () => {
    symlinkSync('circle', join(root, 'circle'));
    refused(run({ SONDE_DIR: join(root, 'circle/objects') }), /leads through more than 40 symbolic links/);
  });

  for (const group of [0, 100]) {
    it(`are refused below a directory that a group can write, this user's own group ${group} too`, function () {
      needsRoot(this);
      const shared = join(root, 'shared');
      mkdirSync(shared);
      chownSync(shared, 0, group);
      chmodSync(shared, 0o775);
      chmodSync(root, 0o755);
      const user = { SONDE_TEST_USER: String(NOBODY), SONDE_TEST_GROUP: String(group) };
      mkdirSync(join(shared, 'objects'), { mode: 0o700 });
      chownSync(join(shared, 'objects'), NOBODY, group);
      refused(
        run({ SONDE_DIR: join(shared, 'objects'), ...user }),
        /lies in .*\/shared, which others can change \(user 0, mode 775\): take that away \(chmod go-w\), or give it the sticky bit/,
      );
      chmodSync(shared, 0o1775);
      assert.equal(run({ SONDE_DIR: join(shared, 'objects'), ...user }).reason, undefined);
    });
  }

  it('are refused below a directory that an access control list lets another user write', function () {
    needsRoot(this);
    needsTools(this, 'setfacl');
    const shared = join(root, 'shared');
    mkdirSync(shared, { mode: 0o755 });
    assert.equal(spawnSync('setfacl', ['-m', `u:${NOBODY}:rwx`, shared]).status, 0);
    refused(run({ SONDE_DIR: join(shared, 'objects') }), /lies in .*\/shared, which others can change/);
  });

  it('are made below those that are asked for, but the temporary directory is the system\u2019s to make', () => {
    assert.equal(run({ SONDE_DIR: join(root, 'a/b/objects') }).reason, undefined);
    const missing = join(root, 'missing');
    refused(run({ TMPDIR: missing }), /missing is not there: make it, or set SONDE_DIR/);
    refused(run({ TMPDIR: join(missing, 'deeper') }), /missing is not there: make it/);
    assert.deepEqual(readdirSync(root), ['a']);
  });

  it('are made for this user alone, whatever the umask is', () => {
    const { location, reason } = runProgram({ SONDE_DIR: join(root, 'a/objects') }, [
      'sh',
      '-c',
      'umask 777; exec "$@"',
      'sh',
    ]);
    assert.equal(reason, undefined);
    for (const path of [join(root, 'a'), join(location!, '..')]) {
      assert.equal((lstatSync(path).mode & 0o777).toString(8), '700');
    }
  });

  it('may be root\u2019s, which made the objects before', function () {
    needsRoot(this);
    chmodSync(root, 0o755);
    const { location } = run();
    chmodSync(folder, 0o755);
    chmodSync(location!, 0o644);
    const user = { SONDE_DIR: folder, SONDE_TEST_USER: String(NOBODY) };
    assert.deepEqual([run(user).location, run(user).reason], [location, undefined]);
    refused(
      run({ ...user, SONDE_TEST_PROBES: 'probe,another' }),
      /objects belongs to root and does not hold files-[0-9a-f]+\.so: set SONDE_DIR to a directory of your own/,
    );
    chmodSync(location!, 0o600);
    refused(run(user), /EACCES/);
    chmodSync(location!, 0o664);
    refused(run(user), /can be written by others/);
  });

  it('are refused where tools, or the dynamic linker, take something in their path for something else', () => {
    for (const name of ['a:b', 'a"b', 'a\\b', '$LIB', '$ORIGIN', 'a*', 'a?', 'a[b]', 'a\x1b[31m', 'a\nb', 'a\x85']) {
      const { reason } = run({ SONDE_DIR: join(root, name) });
      assert.match(reason!, /has ".+" in it, with which tools cannot find the probes: set SONDE_DIR to a path without/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be printed.
      assert.doesNotMatch(reason!, /[\0-\x1f\x7f-\x9f]/);
    }
    assert.deepEqual(readdirSync(root), []);
  });

  it('may have other characters: the tracer is quoted, as bpftrace wants it', function () {
    needsRoot(this);
    needsTools(this, 'bpftrace');
    for (const name of ['a b', 'é', 'a+b@c=d,e', "it's"]) {
      const { location, probes } = run({ SONDE_DIR: join(root, name) });
      const [{ tracer }] = probes as [(typeof probes)[0]];
      assert.equal(tracer, `usdt:"${location}":files:probe`);
      const { stdout, stderr } = spawnSync('bpftrace', ['-e', `${tracer} { } BEGIN { exit(); }`], { encoding: 'utf8' });
      assert.match(stdout, /Attaching 2 probes/, stderr);
    }
  });
});
