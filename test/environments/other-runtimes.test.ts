// Deno and Bun, which run programs that were written for Node.js.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bpftrace } from '../support/bpftrace.js';
import { needsPackage } from '../support/npm-packages.js';
import { environment, type Options, runNode, told } from '../support/run-node.js';
import { useScene } from '../support/scene.js';
import { needsRoot, needsTools } from '../support/tools.js';
import { type Calls, RECORDED } from './calls.js';
import { assertAlive, PROGRAM } from './expect.js';
import type { Told } from './tell.js';

const require = createRequire(import.meta.url);
const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const CALLS = fileOf('calls-program.js');
const FORBIDDEN = /^systemtap cannot run: Deno's permissions forbid native addons: give Deno (--allow-\w+ ?)+$/;
/** Nothing is to be asked for by name: what a test does not allow cannot run. */
const QUIET = { SONDE_REQUIRE: undefined, SONDE_BACKEND: undefined };

/** What runs a program with all that it may want. */
interface Runtime {
  name: 'Deno' | 'Bun';
  package: string;
  file: string;
  options: readonly string[];
}

const RUN = ['run', '--node-modules-dir=manual'];
const runtimes: Runtime[] = [
  { name: 'Deno', package: '@deno/linux-x64-glibc@2', file: '@deno/linux-x64-glibc/deno', options: [...RUN, '-A'] },
  { name: 'Bun', package: '@oven/bun-linux-x64@1', file: '@oven/bun-linux-x64/bin/bun', options: [] },
];
const [DENO] = runtimes as [Runtime];

for (const runtime of runtimes) {
  describe(`${runtime.name}`, function () {
    this.timeout(120_000);
    const scene = useScene();
    let node: string;

    before(function () {
      node = needsPackage(this, runtime.package, runtime.file);
    });

    const tell = <Result>(program: string, options: Options = {}) =>
      told<Result>(scene.current, [...runtime.options, program], { node, ...options });

    it('has the same probes as Node.js, in the same object', () => {
      assertAlive(tell<Told>(PROGRAM), scene.current.objects);
      assert.deepEqual(tell<Told>(PROGRAM), told<Told>(scene.current, [PROGRAM]));
    });

    it('has them in memory where no directory can be written', () => {
      assertAlive(tell<Told>(PROGRAM, { env: { SONDE_DIR: '/proc/none' } }), 'memory');
    });

    for (const backend of ['systemtap', 'ebpf']) {
      it(`passes the conformance suite on ${backend}, worker threads and all`, () => {
        const suite = fileOf('../conformance/run.js');
        const { stdout } = runNode(scene.current, [...runtime.options, fileOf('mocha-program.js'), suite], {
          node,
          env: { SONDE_BACKEND: backend },
        });
        assert.match(stdout, /✔\S* is inactive in 50 worker threads/);
        assert.match(stdout, /✔\S* passes twelve arguments of mixed types/);
      });
    }

    it('takes every call, and the recorder', () => {
      const { location, ...others } = tell<Calls>(CALLS);
      assert.deepEqual(others, { backend: 'systemtap', recorded: RECORDED, left: 0 });
      assert.ok(location!.startsWith(scene.current.objects));
    });

    it('has the drop-ins', () => {
      const program = join(scene.current.folder, 'program.cjs');
      writeFileSync(
        program,
        `const provider = require(${JSON.stringify(require.resolve('@sonde/dtrace-provider'))}).createDTraceProvider('app');
         const probe = provider.addProbe('log-a', 'int');
         provider.enable();
         const { status } = require(${JSON.stringify(fileURLToPath(import.meta.resolve('sonde')))});
         console.log(JSON.stringify([String(probe.fire(() => [1])), status().providers.map(({ name, probes }) => [name, probes[0].tracer])]));`,
      );
      const [fired, [[name, tracer] = []] = []] = tell<[string, string[][]]>(program);
      assert.deepEqual([fired, name], ['undefined', 'app']);
      assert.match(tracer!, /^usdt:.*\/app-\w+\.so:app:log__a$/);
    });

    it('has no probes of Node.js itself, and status says so', () => {
      const program = join(scene.current.folder, 'program.mjs');
      writeFileSync(
        program,
        `import ${JSON.stringify(REGISTER)};
         const { status, stacks } = await import(${JSON.stringify(import.meta.resolve('@sonde/node'))});
         const { on, reason } = stacks.enable();
         const { reasons, providers } = status();
         console.log(JSON.stringify([reasons.runtime, providers.length, on, reason]));`,
      );
      const why = `@sonde/node has probes of Node.js, and this is ${runtime.name}`;
      assert.deepEqual(tell(program), [why, 0, false, why]);
    });

    it('is traced by bpftrace', async function () {
      needsTools(this, 'bpftrace');
      needsRoot(this);
      const path = join(scene.current.folder, 'program.mjs');
      writeFileSync(
        path,
        `import { operation, provider, string, uint64 } from ${JSON.stringify(import.meta.resolve('sonde'))};
         const own = provider('other', { probe: [string('text'), uint64('bytes')], job: operation() });
         setInterval(() => { own.probe.fire('text', 5_000_000_000); own.job.run([], async () => {}); }, 50);
         process.stdin.on('end', () => process.exit()).resume();
         console.log('ready');`,
      );
      const program = spawn(node, [...runtime.options, path], {
        env: environment(scene.current),
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      scene.current.defer(async () => {
        program.stdin.end();
        assert.deepEqual(await once(program, 'exit'), [0, null]);
      });
      await once(program.stdout, 'data');
      const object = join(scene.current.objects, 'other.so');
      const tracer = bpftrace(
        scene.current,
        `usdt:${object}:other:probe { printf("<%s|%lu>\\n", str(arg0), arg1); } usdt:${object}:other:job__done { printf("<done>\\n"); }`,
      );
      await tracer.shows(/^<text\|5000000000>$/m);
      await tracer.shows(/^<done>$/m);
      await tracer.stop();
    });
  });
}

/** As Deno takes it, not as Node.js does. */
const REGISTER = new URL('register.js', import.meta.resolve('@sonde/node/register')).href;

describe("Deno's permissions", function () {
  this.timeout(120_000);
  const scene = useScene();
  let deno: string;

  before(function () {
    deno = needsPackage(this, DENO.package, DENO.file);
  });

  const run = (allowed: readonly string[], env: Options['env'] = {}) =>
    told<Calls>(scene.current, [...RUN, '--no-prompt', ...allowed, CALLS], { node: deno, env: { ...QUIET, ...env } });

  it('without any of them probes are inactive, and the reason names those that it takes', () => {
    assert.deepEqual(run([]), {
      backend: 'noop',
      reason:
        "systemtap cannot run: Deno's permissions forbid native addons: give Deno --allow-ffi --allow-read --allow-sys",
      recorded: RECORDED,
      left: 0,
    });
  });

  it('without any of them the drop-ins and @sonde/node are there, and inactive', () => {
    const program = join(scene.current.folder, 'program.mjs');
    const [dtraceProvider, usdt] = ['@sonde/dtrace-provider', '@sonde/usdt'].map((name) =>
      JSON.stringify(require.resolve(name)),
    );
    writeFileSync(
      program,
      `import { createRequire } from 'node:module';
       import ${JSON.stringify(REGISTER)};
       import { status } from ${JSON.stringify(new URL('index.js', REGISTER).href)};
       const require = createRequire(import.meta.url);
       const { createDTraceProvider } = require(${dtraceProvider});
       const { USDTProvider } = require(${usdt});
       const fired = [createDTraceProvider('app'), new USDTProvider('app')].map((provider) => {
         const probe = provider.addProbe('GET /', 'int');
         provider.enable();
         return String(probe.fire(() => [1]));
       });
       console.log(JSON.stringify([...fired, status().backend]));`,
    );
    assert.deepEqual(told(scene.current, [...RUN, '--no-prompt', program], { node: deno, env: QUIET }), [
      'undefined',
      'undefined',
      'noop',
    ]);
  });

  it('in every combination, nothing throws', () => {
    const names = ['ffi', 'read', 'sys', 'env', `write=${scene.current.folder}`].map((name) => `--allow-${name}`);
    const needed = names.slice(0, 3);
    for (let bits = 0; bits < 2 ** names.length; bits++) {
      const allowed = names.filter((_, index) => bits & (1 << index));
      const { backend, reason, recorded, left } = run(allowed);
      assert.deepEqual([recorded, left], [RECORDED, 0], allowed.join(' '));
      const missing = needed.filter((name) => !allowed.includes(name));
      assert.equal(backend, missing.length > 0 ? 'noop' : 'systemtap');
      if (missing.length === 0) assert.equal(reason, undefined);
      else {
        assert.match(reason!, FORBIDDEN);
        assert.ok(reason!.endsWith(missing.join(' ')));
      }
    }
  });

  it('to write: in files where it is given, with the link where it is given as a whole, and in memory where it is not', () => {
    const { objects } = scene.current;
    const link = join(objects, 'calls.so');
    const needed = ['--allow-ffi', '--allow-read', '--allow-sys', '--allow-env'];
    const { location: memory, why } = run(needed);
    assert.match(memory!, /^\/proc\/\d+\/fd\/\d+$/);
    assert.equal(why, `Deno's permissions do not let ${objects} be written: give Deno --allow-write for it`);
    mkdirSync(objects, { mode: 0o700 });
    const { location } = run([...needed, `--allow-write=${objects}`]);
    assert.ok(location!.startsWith(`${objects}/calls-`));
    assert.throws(() => readlinkSync(link), { code: 'ENOENT' });
    // Found by the next, which need not write.
    assert.equal(run(needed).location, location);
    assert.equal(run([...needed, '--allow-write']).location, location);
    assert.equal(readlinkSync(link), basename(location!));
  });

  it('to read variables: of those that must not be read, the defaults count', () => {
    const needed = ['--allow-ffi', '--allow-read', '--allow-sys'];
    assert.equal(run(needed, { SONDE_BACKEND: 'noop' }).backend, 'systemtap');
    assert.equal(run([...needed, '--allow-env=SONDE_BACKEND'], { SONDE_BACKEND: 'noop' }).backend, 'noop');
    assert.equal(run(needed, { SONDE_BACKEND: 'dtrace', SONDE_REQUIRE: '1', DEBUG: 'sonde:*' }).backend, 'systemtap');
  });

  it('are not asked for on the terminal', function () {
    needsTools(this, 'script');
    const needed = ['--allow-ffi', '--allow-read', '--allow-sys'];
    for (const allowed of [
      [],
      ['--allow-env'],
      ['--allow-read'],
      ['--allow-ffi'],
      needed,
      [...needed, '--allow-env'],
    ]) {
      const command = [deno, ...RUN, ...allowed, CALLS].map((word) => `'${word}'`).join(' ');
      const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
        encoding: 'utf8',
        timeout: 20_000,
        cwd: scene.current.folder,
        env: environment(scene.current, QUIET),
      });
      assert.deepEqual(JSON.parse(stdout).recorded, RECORDED, stdout);
    }
  });
});
