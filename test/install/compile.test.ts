// @sonde/compile: the addon compiled where sonde is installed, for all backends or for one, and
// what that means at run time.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Status } from 'sonde';
import { needsTools } from '../support/tools.js';
import { packAll, type Tarballs, unpackInto, withoutPrebuilds } from './tarballs.js';

const COMPILE = fileURLToPath(new URL('../../../packages/compile/', import.meta.url));
const BUILD = join(COMPILE, 'lib/cli.js');

describe('@sonde/compile', function () {
  this.timeout(120_000);
  let work: string;
  let packages: Tarballs;
  let incomplete: Tarballs;

  before(function () {
    needsTools(this, 'c++', 'make', 'python3');
    work = mkdtempSync(join(tmpdir(), 'sonde-compiles-'));
    packages = packAll();
    incomplete = withoutPrebuilds(packages, work);
  });

  after(() => {
    if (work) rmSync(work, { recursive: true, force: true });
  });

  it('compiles an addon where none is prebuilt', () => {
    const folder = application(incomplete);
    assert.equal(status(folder).backend, 'noop');
    const { code, output } = build(folder);
    assert.equal(code, 0, output);
    assert.match(output, /sonde-compile: for auto: .*sonde\.node\n$/);
    assert.deepEqual(chosen(folder), ['systemtap', 'auto', undefined]);
    assert.deepEqual(readdirSync(join(addon(folder), 'build/Release')).toSorted(), ['backend.json', 'sonde.node']);
  });

  it('compiles for one backend alone, from npm_config_sonde_backend or --backend: it is the default, and the others stay out', () => {
    const folder = application(packages);
    assert.equal(build(folder, [], { npm_config_sonde_backend: 'ebpf' }).code, 0);
    assert.deepEqual(chosen(folder), ['ebpf', 'ebpf', undefined]);
    assert.deepEqual(chosen(folder, { SONDE_BACKEND: 'auto' }), ['ebpf', 'auto', undefined]);
    assert.deepEqual(chosen(folder, { SONDE_BACKEND: 'noop' }), ['noop', 'noop', undefined]);
    const [backend, requested, reason] = chosen(folder, { SONDE_BACKEND: 'systemtap' });
    assert.deepEqual([backend, requested], ['noop', 'systemtap']);
    assert.match(
      reason!,
      /sonde was built for ebpf alone, and systemtap was left out: npx @sonde\/compile makes it anew/,
    );
    const exported = Object.keys(createRequire(import.meta.url)(join(addon(folder), 'build/Release/sonde.node')));
    assert.ok(exported.includes('openEvents') && !exported.includes('openDtrace'), String(exported));
    // package.json comes between the two.
    writeFileSync(join(folder, 'package.json'), '{"type":"module","sonde":{"backend":"noop"}}');
    assert.deepEqual(chosen(folder), ['noop', 'noop', undefined]);
    assert.deepEqual(chosen(folder, { SONDE_BACKEND: 'ebpf' }), ['ebpf', 'ebpf', undefined]);
    // Nonsense is passed over, and named.
    const passed = chosen(folder, { SONDE_BACKEND: 'strace' });
    assert.deepEqual(passed.slice(0, 2), ['noop', 'noop']);
    assert.match(passed[2]!, /SONDE_BACKEND is "strace"; it must be auto, dtrace, systemtap, ebpf, noop, or unset/);
  });

  it('compiles nothing for noop, needs no compiler for it, and takes away what was there', () => {
    const folder = application(packages);
    assert.equal(build(folder, ['--backend=noop'], { PATH: '/nowhere' }).code, 0);
    assert.deepEqual(chosen(folder), ['noop', 'noop', undefined]);
    assert.match(chosen(folder, { SONDE_BACKEND: 'systemtap' })[2]!, /sonde was built for noop alone/);
    assert.deepEqual(readdirSync(join(addon(folder), 'build/Release')), ['backend.json']);
    assert.equal(build(folder, ['--backend=auto', '--quiet']).code, 0);
    assert.deepEqual(chosen(folder), ['systemtap', 'auto', undefined]);
  });

  it('leaves what there was when it fails, and tells; --optional tells status() alone', () => {
    const folder = application(incomplete);
    assert.equal(build(folder, ['--backend=systemtap', '--quiet']).output, '');
    const failed = build(folder, ['--quiet'], { PATH: '/nowhere' });
    assert.equal(failed.code, 1);
    assert.match(failed.output, /sonde-compile: the addon cannot be compiled: node-gyp ended with status 1\n$/);
    assert.deepEqual(chosen(folder), ['systemtap', 'systemtap', undefined]);

    const other = application(incomplete);
    assert.deepEqual(build(other, ['--optional'], { PATH: '/nowhere' }), { code: 0, output: '' });
    const log = join(addon(other), 'build/failed.log');
    const { backend, reason } = status(other);
    assert.deepEqual(
      [backend, reason],
      [
        'noop',
        `systemtap cannot run: there is no addon for linux on x64 in ${addon(other)}: compiling one failed, as ${log} tells`,
      ],
    );
    assert.match(readFileSync(log, 'utf8'), /gyp ERR!/);
    assert.equal(build(other, ['--optional']).code, 0);
    assert.ok(!existsSync(log));
    assert.equal(status(other).backend, 'systemtap');
  });

  it('names what is wrong with its options, and where nothing is installed or another version', () => {
    const folder = application(packages);
    const wrong = build(folder, ['--backend=strace']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.output, /the backend is "strace" .* it must be auto, dtrace, systemtap, ebpf, noop/);
    assert.equal(build(folder, ['--nonsense']).code, 2);
    const empty = mkdtempSync(join(work, 'empty-'));
    assert.match(build(empty).output, /@sonde\/native is not installed for .*empty-\w+: install sonde, then build/);
    const manifest = join(folder, 'node_modules/@sonde/native/package.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/"version": *"[^"]*"/, '"version":"99.0.0"'));
    assert.match(build(folder).output, /is 99\.0\.0, and this is @sonde\/compile .*: use npx @sonde\/compile@99\.0\.0/);
  });

  it('compiles in a folder of any name', () => {
    const folder = application(packages, 'with % and space-');
    unpackInto(folder, { '@sonde/compile': packages['@sonde/compile']! });
    const modules = join(folder, 'node_modules');
    cpSync(join(COMPILE, 'node_modules/node-addon-api'), join(modules, 'node-addon-api'), {
      recursive: true,
      dereference: true,
    });
    symlinkSync(join(COMPILE, 'node_modules/node-gyp'), join(modules, 'node-gyp'));
    const command = join(modules, '@sonde/compile/lib/cli.js');
    assert.deepEqual(build(folder, ['--backend=systemtap', '--quiet'], {}, command), { code: 0, output: '' });
    assert.deepEqual(chosen(folder), ['systemtap', 'systemtap', undefined]);
  });

  function application(tarballs: Tarballs, name = 'application-'): string {
    const folder = mkdtempSync(join(work, name));
    const { sonde, '@sonde/core': core, '@sonde/native': native } = tarballs;
    unpackInto(folder, { sonde: sonde!, '@sonde/core': core!, '@sonde/native': native! });
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder, 'main.js'), "import { status } from 'sonde'; console.log(JSON.stringify(status()));");
    mkdirSync(join(folder, 'objects'), { mode: 0o700 });
    return folder;
  }
});

const addon = (folder: string) => join(folder, 'node_modules/@sonde/native/addon');

function build(
  folder: string,
  options: string[] = [],
  env: NodeJS.ProcessEnv = {},
  command = BUILD,
): { code: number | null; output: string } {
  // pnpm starts mocha with a NODE_PATH of its own.
  const { npm_config_sonde_backend: _, NODE_PATH: __, ...own } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...options], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...own, ...env },
  });
  return { code: status, output: stdout + stderr };
}

function status(folder: string, env: NodeJS.ProcessEnv = {}): Status {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['main.js'], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, SONDE_DIR: join(folder, 'objects'), ...env },
  });
  assert.deepEqual([status, stderr], [0, '']);
  return JSON.parse(stdout);
}

function chosen(folder: string, env?: NodeJS.ProcessEnv): [string, string, string | undefined] {
  const { backend, requested, reason } = status(folder, env);
  return [backend, requested, reason];
}
