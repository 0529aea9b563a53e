// Functions of what a program loads have probes. On whatever Node.js runs the tests, and without a
// tracer.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { useScene } from '../../support/scene.js';
import { Application } from './application.js';

describe('@sonde/node: functions of what is loaded', function () {
  this.timeout(60_000);
  const scene = useScene();
  const application = (files: Record<string, string>) => new Application(scene.current, files);

  it('fire as they are entered and as they return: CommonJS, modules, and one that requires a module', () => {
    const app = application({
      'main.mjs': `import { b } from './b.cjs';\nclass Mail {\n  deliver(x) { return b(x); }\n}\nnew Mail().deliver(1);`,
      'b.cjs': `exports.b = (x) => require('./c.mjs').c(x);`,
      'c.mjs': `#!/usr/bin/env node\nexport function c(x) {\n  return x;\n}`,
    });
    const { fired, status, exitCode, stderr } = app.run('main.mjs');
    assert.deepEqual(fired, [
      '> main.mjs Mail.deliver 3',
      '> b.cjs b 1',
      '> c.mjs c 2',
      '< c',
      '< b',
      '< Mail.deliver',
    ]);
    assert.deepEqual([status.files, status.functions, status.skipped, status.reason], [3, 3, [], undefined]);
    assert.deepEqual([exitCode, stderr.replace(/.*ExperimentalWarning.*\n.*\n/, '')], [0, '']);
  });

  it('fire when they throw if returns are exact, and do not if they are fast', () => {
    const app = application({
      'main.cjs': `function a() { throw new Error('x') }\nfunction b() { try { a() } catch {} }\nb();`,
    });
    const entries = ['> main.cjs b 2', '> main.cjs a 1'];
    assert.deepEqual(app.run('main.cjs').fired, [...entries, '< b']);
    assert.deepEqual(app.run('main.cjs', { SONDE_FUNCTIONS_RETURNS: 'exact' }).fired, [...entries, '! a', '< b']);
  });

  it('an async function returns when its promise settles, a generator when it is done', () => {
    const app = application({
      'main.mjs': `
        const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
        async function waits() { await pause(30); await pause(30); return 1 }
        async function hands() { return pause(60) }
        async function fails() { await pause(1); return Promise.reject(new Error('x')) }
        function* numbers() { yield 1; yield 2; return 3 }
        await waits(); await hands(); await fails().catch(() => {});
        for (const number of numbers()) await pause(20);`,
    });
    const { fired, ns } = app.run('main.mjs', { SONDE_FUNCTIONS_RETURNS: 'exact' });
    const ends = fired.filter((line) => !line.startsWith('>'));
    const took = (end: string) => ns[ends.indexOf(end)]! / 1e6;
    for (const [end, ms] of [
      ['< waits', 58],
      ['< hands', 58],
      ['< numbers', 38],
    ] as const) {
      assert.ok(took(end) > ms && took(end) < ms + 2000, `${end} took ${took(end)} ms`);
    }
    for (const end of ['< waits', '< hands', '! fails', '< numbers']) {
      assert.equal(ends.filter((each) => each === end).length, 1, end);
    }
  });

  it('have files and lines of the original where there is a source map', () => {
    const source = `interface Mail { to: string }\n\nexport function deliver(mail: Mail): string {\n  return mail.to;\n}\n`;
    const { code, map } = transformSync(source, {
      loader: 'ts',
      format: 'esm',
      sourcemap: true,
      sourcefile: 'mail.ts',
    });
    const inline = transformSync(source, {
      loader: 'ts',
      format: 'cjs',
      sourcemap: 'inline',
      sourcefile: 'inline.ts',
      minifyWhitespace: true,
    });
    const app = application({
      'main.mjs': `import { deliver } from './dist/mail.js'; import inline from './dist/inline.cjs';
        import { deliver as none } from './dist/none.js'; import { deliver as rooted } from './dist/rooted.js';
        deliver({}); inline.deliver({}); none({}); rooted({})`,
      'dist/package.json': '{ "type": "module" }',
      'dist/mail.js': `${code}//# sourceMappingURL=mail.js.map\n`,
      'dist/mail.js.map': JSON.stringify({ ...JSON.parse(map), sources: ['../src/mail.ts'] }),
      'dist/inline.cjs': inline.code,
      'dist/none.js': `${code}//# sourceMappingURL=none.js.map\n`,
      'dist/rooted.js': `${code}//# sourceMappingURL=rooted.js.map\n`,
      'dist/rooted.js.map': JSON.stringify({ ...JSON.parse(map), sourceRoot: '../src', sources: ['mail.ts'] }),
    });
    const { fired } = app.run('main.mjs');
    assert.ok(fired.includes('> src/mail.ts deliver 3'), fired.join('\n'));
    assert.ok(fired.includes('> dist/inline.ts deliver 3'), fired.join('\n'));
    assert.ok(fired.includes('> dist/none.js deliver 1'), fired.join('\n'));
    assert.equal(fired.filter((line) => line === '> src/mail.ts deliver 3').length, 2, fired.join('\n'));
  });

  it("are those of Node.js's own TypeScript, where it has that", () => {
    if (!(process.features as { typescript?: unknown }).typescript) return;
    const text = `interface A { x: number }\nfunction f(a: A): number {\n  return a.x;\n}\n`;
    const app = application({
      'main.mts': `import './other.cts';\n${text}f({ x: 1 });`,
      'other.cts': `${text}f({ x: 1 });\nrequire('./required.cts');`,
      'required.cts': `${text}f({ x: 1 });`,
    });
    const { fired, stderr } = app.run('main.mts');
    assert.deepEqual(fired, ['> other.cts f 2', '< f', '> required.cts f 2', '< f', '> main.mts f 3', '< f']);
    assert.equal(stderr, '');
  });

  it('are those of the files that package.json or the environment name', () => {
    const text = (name: string) => `exports.f = function ${name}() {}; exports.f();`;
    const app = application({
      'package.json': JSON.stringify({ sonde: { functions: ['src/**', '!**/*.test.js'] } }),
      'main.js': `${text('main')} require('./src/a.js'); require('./src/a.test.js'); require('dependency')`,
      'src/a.js': text('a'),
      'src/a.test.js': text('test'),
      'node_modules/dependency/index.js': text('dependency'),
    });
    const entered = (environment: Record<string, string> = {}) =>
      app.run('main.js', environment).fired.flatMap((line) => /^> \S+ (\w+)/.exec(line)?.[1] ?? []);
    assert.deepEqual(entered(), ['a']);
    assert.deepEqual(entered({ SONDE_FUNCTIONS: '**' }), ['main', 'a', 'test']);
    assert.deepEqual(entered({ SONDE_FUNCTIONS: 'node_modules/dependency/**' }), ['dependency']);
    assert.deepEqual(entered({ SONDE_FUNCTIONS: 'off' }), []);
  });

  it('are told what was passed over, and the program runs', () => {
    const app = application({
      'main.cjs': `(function f() {})(); try { require('./wrong.cjs') } catch (error) { console.log(error.name) }`,
      'wrong.cjs': 'function (',
    });
    const { stdout, status, exitCode } = app.run('main.cjs', { SONDE_FUNCTIONS_RETURNS: 'later' });
    assert.deepEqual([exitCode, stdout], [0, 'SyntaxError\n']);
    assert.equal(status.reason, 'SONDE_FUNCTIONS_RETURNS is "later"; it must be exact, fast, or left out');
    assert.deepEqual(
      status.skipped.map(({ file }) => file),
      [join(app.folder, 'wrong.cjs')],
    );
  });

  it('are kept: the second process does not parse anything', () => {
    const app = application({ 'main.cjs': `function f() { return 1 }\nf();`, 'b.cjs': '1' });
    const first = app.run('main.cjs');
    const files = () =>
      readdirSync(join(scene.current.objects, 'functions')).map((name) => [
        name,
        statSync(join(scene.current.objects, 'functions', name)).mtimeMs,
      ]);
    const written = files();
    const second = app.run('main.cjs');
    assert.deepEqual([first.parsed, second.parsed], [true, false]);
    assert.deepEqual(second.fired, first.fired);
    assert.deepEqual(files(), written);
    app.write('main.cjs', `\nfunction f() { return 1 }\nf();`);
    assert.deepEqual(app.run('main.cjs').fired, ['> main.cjs f 2', '< f']);
  });

  it('of a file that is loaded again and again are those of its last versions, and what was before is still its', () => {
    const app = application({
      'main.cjs': `
        const { writeFileSync } = require('node:fs');
        const file = require('node:path').join(__dirname, 'changing.cjs');
        const load = (text) => { writeFileSync(file, text); delete require.cache[file]; return require(file); };
        const version = (name) => 'exports.f = function version' + name + '() {};';
        const versions = [];
        for (let i = 0; i < 30; i++) versions.push(load(version(i)));
        for (let i = 0; i < 10; i++) load('with ({}) { }' + i);
        for (const i of [29, 22, 21]) versions[i].f();
        if (process.argv[2]) load(version('Last')).f();`,
    });
    const run = (...args: string[]) => app.run('main.cjs', { SONDE_FUNCTIONS: 'changing.cjs' }, undefined, args);
    const of = (name: string) => [`> changing.cjs ${name} ${name === '' ? 0 : 1}`, `< ${name}`];
    const { fired, status } = run();
    assert.deepEqual(fired, [...of('version29'), ...of('version22'), ...of('')]);
    assert.deepEqual([status.files, status.functions, status.skipped.length], [1, 1, 1]);
    const last = run('last');
    assert.deepEqual(last.fired.slice(-2), of('versionLast'));
    assert.deepEqual([last.status.files, last.status.functions, last.status.skipped], [1, 1, []]);
  });

  it('are there where intrinsics are frozen, and show what was inserted', () => {
    const app = application({ 'main.cjs': `function f() { return 1 }\nconsole.log(f() && String(f));` });
    const { fired, stdout, status } = app.run('main.cjs', { NODE_OPTIONS: '--frozen-intrinsics --no-warnings' });
    assert.deepEqual(fired, ['> main.cjs f 1', '< f']);
    assert.match(stdout, /^function f\(\) \{\/\*__sonde/);
    assert.equal(status.reason, undefined);
  });

  it('what a program writes, throws and ends with is the same', () => {
    const files = {
      'main.cjs': `function fails() {\n  null.x;\n}\nconsole.log(fails.toString(), fails.name, fails.length);\nconst a = () => fails();\na();`,
    };
    const app = application(files);
    const [on, off] = [app.run('main.cjs'), app.run('main.cjs', { SONDE_FUNCTIONS: 'off' })];
    assert.ok(on.fired.length > 0);
    assert.equal(on.exitCode, 1);
    assert.deepEqual([on.exitCode, on.stdout], [off.exitCode, off.stdout]);
    // Columns count what was inserted, and Node.js shows the line that it runs.
    const frames = (text: string) => text.match(/at \S+ \(?\S+main\.cjs:\d+(?=:)/g);
    assert.deepEqual(frames(on.stderr), frames(off.stderr));
  });
});
