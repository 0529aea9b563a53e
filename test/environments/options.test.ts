// Options of Node.js that change what a program, or an addon, may do or finds.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { NODE_LINES, needsNode } from '../support/npm-packages.js';
import { runNode, told } from '../support/run-node.js';
import { useScene } from '../support/scene.js';
import { assertAlive, assertNoop, PROGRAM } from './expect.js';
import type { Told } from './tell.js';

const SONDE = import.meta.resolve('sonde');

/**
 * Options that change nothing for sonde, and the words with which Node.js itself says that they are
 * on.
 */
const harmless: [options: string[], warns?: RegExp][] = [
  [[]],
  [['--disable-proto=delete']],
  [['--disable-proto=throw']],
  [['--frozen-intrinsics'], /Frozen/],
  [['--jitless'], /expose_wasm/],
  [['--disallow-code-generation-from-strings']],
  [['--secure-heap=65536']],
  [['--stack-trace-limit=0']],
  [['--enable-source-maps']],
  [['--preserve-symlinks', '--preserve-symlinks-main']],
  [['--unhandled-rejections=strict', '--throw-deprecation']],
];

for (const line of NODE_LINES) {
  describe(`Node.js ${line} with options`, function () {
    this.timeout(300_000);
    const scene = useScene();
    let node: string;
    before(function () {
      node = needsNode(this, line);
    });

    for (const [options, warns] of harmless) {
      it(`${options.join(' ') || 'as it is'}: probes are there`, () => {
        const { stdout, stderr } = runNode(scene.current, [...options, PROGRAM], { node });
        for (const each of stderr.split('\n')) {
          if (warns) assert.match(each, new RegExp(`${warns.source}|--trace-warnings|^$`));
          else assert.equal(each, '');
        }
        assertAlive(JSON.parse(stdout), scene.current.objects);
      });
    }

    it('--frozen-intrinsics: no stacks, which is counted', () => {
      const program = `
        import { provider, stack, status } from ${JSON.stringify(SONDE)};
        import { record } from ${JSON.stringify(import.meta.resolve('sonde/testing'))};
        const recorder = record();
        provider('own', { probe: [stack('where')] }).probe.fire();
        console.log(JSON.stringify([recorder.fired[0].values, status().providers[0].probes[0].errors]));`;
      const args = ['--frozen-intrinsics', '--no-warnings', '--input-type=module', '--eval', program];
      assert.deepEqual(told(scene.current, args, { node }), [{ where: '<no stack>' }, 1]);
    });

    it('--no-addons: none, and the reason names it', () => {
      const env = { SONDE_REQUIRE: undefined };
      assertNoop(told<Told>(scene.current, ['--no-addons', PROGRAM], { node, env }), /--no-addons: leave that out/);
    });

    it('--import: sonde before the program, by NODE_OPTIONS', () => {
      const env = { NODE_OPTIONS: `--import=${SONDE}` };
      assertAlive(told(scene.current, [PROGRAM], { node, env }), scene.current.objects);
    });

    it('--import: a whole program with probes before another, of a package that wants no tracing', () => {
      const { folder, objects } = scene.current;
      writeFileSync(join(folder, 'package.json'), '{ "sonde": { "backend": "noop" } }');
      writeFileSync(join(folder, 'main.cjs'), '');
      const args = [`--import=${pathToFileURL(PROGRAM)}`, join(folder, 'main.cjs')];
      const env = { SONDE_BACKEND: undefined, SONDE_REQUIRE: undefined };
      // No reason: it is what was asked for.
      assertNoop(told<Told>(scene.current, args, { node, env }), /no reason/);
      assertAlive(told(scene.current, args, { node }), objects);
    });

    it('--import: module hooks that change what is loaded', () => {
      const { folder, objects } = scene.current;
      // Node.js 24 and later warn of register, in favour of hooks in the thread itself.
      writeFileSync(
        join(folder, 'hooks.mjs'),
        `export const resolve = (name, context, next) => next(name === 'probes-of-the-application' ? ${JSON.stringify(SONDE)} : name, context);
         export async function load(url, context, next) {
           const loaded = await next(url, context);
           if (!url.startsWith('file:') || loaded.source == null) return loaded;
           return { ...loaded, source: String(loaded.source) + '\\n/* a hook was here */' };
         }`,
      );
      writeFileSync(
        join(folder, 'register.mjs'),
        `import { register } from 'node:module'; register('./hooks.mjs', import.meta.url);`,
      );
      writeFileSync(
        join(folder, 'main.mjs'),
        `import { provider } from 'probes-of-the-application';
         import { tell } from ${JSON.stringify(new URL('tell.js', import.meta.url))};
         const told = tell();
         provider('smtp', { other: [] });
         console.log(JSON.stringify(told));`,
      );
      const args = [`--import=${pathToFileURL(join(folder, 'register.mjs'))}`, join(folder, 'main.mjs')];
      assertAlive(told(scene.current, ['--no-deprecation', ...args], { node }), objects);
    });
  });
}

describe('A working directory', () => {
  const scene = useScene();
  const tell = JSON.stringify(new URL('tell.js', import.meta.url));

  /**
   * Runs what a program does to its working directory, which is scene's `work`, before it defines a
   * provider.
   */
  function run(before: string, env: Record<string, string> = {}): Told {
    const cwd = join(scene.current.folder, 'work');
    mkdirSync(cwd, { recursive: true });
    const program = `import { rmdirSync } from 'node:fs'; import { tell } from ${tell};
      ${before}; console.log(JSON.stringify(tell()));`;
    const file = join(scene.current.folder, 'main.mjs');
    writeFileSync(file, program);
    return told(scene.current, [file], { cwd, env });
  }

  it('that changes changes nothing', () => {
    assertAlive(run(`process.chdir('/')`), scene.current.objects);
  });

  it('is where a relative SONDE_DIR begins, as it is when a provider is defined', () => {
    const { folder } = scene.current;
    assertAlive(run('', { SONDE_DIR: 'mine' }), join(folder, 'work/mine'));
    assertAlive(run(`process.chdir('..')`, { SONDE_DIR: 'mine' }), join(folder, 'mine'));
  });

  it('that is gone is not needed', () => {
    assertAlive(run('rmdirSync(process.cwd())'), scene.current.objects);
  });

  it('that is gone takes a relative SONDE_DIR with it: probes are in memory, and status says why', () => {
    // Node.js remembers where it is, until it goes elsewhere.
    const told = run(`const gone = process.cwd(); process.chdir('..'); process.chdir(gone); rmdirSync(gone)`, {
      SONDE_DIR: 'mine',
    });
    assertAlive(told, 'memory');
    assert.match(told.why!, /mine is relative to a working directory that is gone: set SONDE_DIR to an absolute path/);
  });

  it('is all that a program from the command line has: no file', () => {
    const program = `import(${tell}).then(({ tell }) => console.log(JSON.stringify(tell())))`;
    for (const args of [
      ['--eval', program],
      ['--input-type=module', '--eval', program],
    ]) {
      assertAlive(told(scene.current, args), scene.current.objects);
    }
  });
});
