// What the probes of the process itself tell, by sonde's recorder, on this Node.js.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bpftrace } from '../../support/bpftrace.js';
import { isDuration, recordedProgram, show } from '../../support/recorded-program.js';
import { RuntimeProgram } from '../../support/runtime-program.js';
import { useScene } from '../../support/scene.js';
import { needsRoot, needsTools } from '../../support/tools.js';

const hasImport = Number.parseInt(process.versions.node, 10) >= 22;

describe('@sonde/node: the process', function () {
  this.timeout(60_000);
  const scene = useScene();

  it('exceptions that nobody catches, and rejections that nobody handles', async () => {
    const { program, of } = await recordedProgram(scene.current);
    await program.call('reject', 'no handler');
    await program.call('uncaught', 'no catch');
    const [rejection, ...others] = await of('promise__rejection');
    assert.deepEqual(others, []);
    assert.equal(rejection!.message, 'no handler');
    assert.match(String(rejection!.stack), /^Error: no handler\n +at .*runtime-program/);
    const [uncaught, ...more] = await of('exception__uncaught');
    assert.deepEqual(more, []);
    assert.deepEqual([uncaught!.message, uncaught!.origin], ['no catch', 'uncaughtException']);
  });

  it('exceptions that are caught, with the place that throws', async () => {
    const { program, of } = await recordedProgram(scene.current);
    await program.call('caught', 'never mind');
    const thrown = (await of('exception__thrown')).find(({ message }) => message === 'RangeError: never mind');
    assert.deepEqual([thrown!.function, thrown!.uncaught], ['caught', false]);
    assert.match(String(thrown!.file), /runtime-program\.js$/);
    assert.ok(Number(thrown!.line) > 1);
    await program.call('stopRecording');
    await program.call('caught', 'nobody looks');
    assert.ok(!(await of('exception__thrown')).some(({ message }) => String(message).includes('nobody looks')));
  });

  it(`modules, by require${hasImport ? ' and import' : '; of import nothing on this version, which has no channel for it'}`, async () => {
    const { folder } = scene.current;
    for (const file of ['module.cjs', 'module.mjs']) await writeFile(join(folder, file), '');
    const { program, of } = await recordedProgram(scene.current);
    await program.call('loadModules', folder);
    const mine = async (probe: string) =>
      (await of(probe)).filter(({ specifier }) => /(module|missing)\.[cm]js$/.test(String(specifier)));
    const started = await mine('module__start');
    const required = ['./module.cjs', './missing.cjs'];
    const imported = hasImport ? [`${folder}/module.mjs`, `${folder}/missing.mjs`] : [];
    assert.deepEqual(
      started.map(({ kind, specifier }) => [kind, specifier]),
      [...required.map((name) => ['require', name]), ...imported.map((name) => ['import', name])],
    );
    assert.equal(started[0]!.parent, join(folder, 'parent.cjs'));
    const done = await mine('module__done');
    assert.deepEqual(
      done.map(({ file, error }) => [file, error !== '']),
      [
        [join(folder, 'module.cjs'), false],
        ['', true],
        ...(hasImport
          ? [
              [pathToFileURL(join(folder, 'module.mjs')).href, false],
              ['', true],
            ]
          : []),
      ],
    );
    assert.ok(
      done.every(({ ns }) => isDuration(ns)),
      show(done),
    );
  });

  it(`modules: of a package that is imported, what the program wrote${hasImport ? '' : '; nothing on this version'}`, async () => {
    const { folder } = scene.current;
    const own = join(folder, 'node_modules/dual');
    await mkdir(own, { recursive: true });
    await writeFile(join(own, 'package.json'), '{ "exports": { "import": "./a.mjs", "require": "./b.cjs" } }');
    await writeFile(join(own, 'a.mjs'), '');
    await writeFile(join(own, 'b.cjs'), '');
    await writeFile(join(folder, 'main.mjs'), 'await import("dual")');
    const { program, of } = await recordedProgram(scene.current);
    await program.call('loadModule', join(folder, 'main.mjs'));
    const done = (await of('module__done')).filter(({ specifier }) => specifier === 'dual');
    assert.deepEqual(
      done.map(({ file, error }) => [file, error]),
      hasImport ? [['dual', '']] : [],
    );
  });

  it('child processes, from their start to their exit', async () => {
    const { program, of } = await recordedProgram(scene.current);
    const pid = await program.call('child', 'sh', '-c', 'exit 3');
    assert.equal(await program.call('child', '/does/not/exist'), undefined);
    const [[started], [exited], [failed]] = [
      await of('child__start'),
      await of('child__exit'),
      await of('child__error'),
    ];
    assert.deepEqual(started, { pid, file: 'sh', arguments: 'sh -c exit 3' });
    const { ns, ...rest } = exited!;
    assert.deepEqual(rest, { pid, code: 3, signal: '', file: 'sh' });
    assert.ok(isDuration(ns));
    assert.deepEqual(failed, { file: '/does/not/exist', code: 'ENOENT' });
  });

  it('threads: the one that is there when a tracer comes, and workers', async () => {
    const { program, of } = await recordedProgram(scene.current);
    const thread = await program.call('worker', 7);
    const main = (await of('thread__start')).find(({ thread }) => thread === 0)!;
    assert.equal(main.tid, program.pid);
    assert.ok(isDuration(main.age));
    assert.deepEqual(await of('worker__create'), [{ thread }]);
    const [{ ns, ...exited }] = (await of('worker__exit')) as [{ ns: number }];
    assert.deepEqual(exited, { thread, code: 7 });
    assert.ok(ns > 400e6, show(ns));
  });

  it("threads: a worker tells the kernel's number for it, from inside", async function () {
    needsTools(this, 'bpftrace');
    needsRoot(this);
    const program = await RuntimeProgram.start(scene.current);
    const tracer = bpftrace(
      scene.current,
      `${program.usdt('thread__start')} { printf("thread %d is %d, %d\\n", arg0, arg1, tid); }`,
    );
    await tracer.shows(new RegExp(`^thread 0 is ${program.pid}, ${program.pid}$`, 'm'));
    const thread = await program.call('worker', 0);
    const [, told, seen] = await tracer.shows(new RegExp(`^thread ${thread} is (\\d+), (\\d+)$`, 'm'));
    assert.equal(told, seen);
    assert.notEqual(told, String(program.pid));
  });

  it('a program whose intrinsics are frozen has them too', async () => {
    const { program, of } = await recordedProgram(scene.current, { execArgv: ['--frozen-intrinsics'] });
    await program.call('child', 'true');
    assert.equal((await of('child__exit')).length, 1);
  });

  it('what is wrong with SONDE_BRIDGES is told by status(), and nothing else happens', async () => {
    const program = await RuntimeProgram.start(scene.current, { SONDE_BRIDGES: 'fastify, none' });
    const { bridges } = await program.call('reasons');
    assert.match(bridges!, /^SONDE_BRIDGES names "none", and there is no such bridge: give fastify, express/);
    assert.equal(program.errors, '');
  });

  it('the event loop: iterations, delay, slow callbacks with the request that they work for, late timers', async () => {
    const { program, of } = await recordedProgram(scene.current);
    await program.call('serve');
    await program.call('get', '/slow');
    await program.call('lateTimer', 60);
    await program.call('get', '/quick');
    const iterations = await of('loop__iteration');
    const most = Math.max(...iterations.map(({ busy }) => Number(busy)));
    assert.ok(most > 39e6 && most < 10e9, show(most));
    assert.ok(iterations.some(({ busy, idle }) => Number(idle) > Number(busy)));
    assert.ok((await of('loop__delay')).some(({ ns }) => Number(ns) > 20e6));
    const [request] = (await of('http__server__request')).filter(({ url }) => url === '/slow');
    const slow = (await of('loop__slow')).filter(({ ns }) => Number(ns) >= 39e6);
    const found = slow.find(({ request: id }) => id === request!.id);
    assert.deepEqual([found?.method, found?.url], ['GET', '/slow'], show(slow));
    assert.ok(
      slow.some(({ request, ns }) => request === 0 && Number(ns) >= 59e6),
      show(slow),
    );
    const late = (await of('timer__late')).find(({ delay, request }) => delay === 5 && request === 0)!;
    assert.ok(Number(late.ns) > 45e6 && Number(late.ns) < 10e9, show(late));
  });

  it('allocation by function, and the spaces of the heap after a collection', async () => {
    const { program, of } = await recordedProgram(scene.current);
    await program.call('makeGarbage', 700);
    const samples = await of('alloc__sample');
    const bytes = new Map<string, number>();
    for (const { function: name, bytes: more } of samples) {
      bytes.set(String(name), (bytes.get(String(name)) ?? 0) + Number(more));
    }
    const [[first, most]] = [...bytes].sort((a, b) => b[1] - a[1]) as [[string, number]];
    assert.equal(first, 'litter', show([...bytes]));
    assert.ok(most > 1e6);
    const sample = samples.find(({ function: name }) => name === 'litter')!;
    assert.match(String(sample.file), /runtime-program\.js$/);
    assert.ok(Number(sample.line) > 1 && Number(sample.count) > 0, show(sample));
    const spaces = new Set((await of('heap__space')).map(({ name }) => name));
    assert.ok(spaces.has('new_space') && spaces.has('old_space'), show([...spaces]));
  });
});
