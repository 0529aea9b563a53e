// How @sonde/node comes into a program, and what else does: in whatever order, functions have
// probes, and the program sees nothing of it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { needsPackage } from '../../support/npm-packages.js';
import { REGISTER } from '../../support/runtime-program.js';
import { useScene } from '../../support/scene.js';
import { Application } from './application.js';

const ways = {
  '--import': ['--import', REGISTER],
  '--require': ['--require', createRequire(import.meta.url).resolve('@sonde/node/register')],
};
const TYPED = `interface Mail { to: string }\nfunction deliver(mail: Mail): string {\n  return mail.to;\n}\ndeliver({ to: 'a' });`;
const hasSyncHooks = 'registerHooks' in process.getBuiltinModule('node:module');

/** Hooks that make JavaScript of TypeScript. */
const MAKE = `
  import { createRequire } from 'node:module';
  const { transformSync } = createRequire('${import.meta.url}')('esbuild');
  const isTyped = (url) => url.endsWith('.ts');
  const make = (url, { source }) => ({
    format: 'module',
    source: transformSync(String(source), { loader: 'ts', sourcemap: 'inline', sourcefile: new URL(url).pathname }).code,
  });`;
const LOADERS: Record<string, Record<string, string>> = {
  register: {
    'hooks.mjs': `${MAKE}
      export async function load(url, context, next) {
        return isTyped(url) ? make(url, await next(url, { ...context, format: 'module' })) : next(url, context);
      }`,
    'loader.mjs': `import { register } from 'node:module';\nregister('./hooks.mjs', import.meta.url);`,
  },
  ...(hasSyncHooks && {
    registerHooks: {
      'loader.mjs': `
        import { registerHooks } from 'node:module';
        ${MAKE}
        registerHooks({
          load: (url, context, next) =>
            isTyped(url) ? make(url, next(url, { ...context, format: 'module' })) : next(url, context)
        });`,
    },
  }),
};

describe('@sonde/node: functions, and how a program is loaded', function () {
  this.timeout(120_000);
  const scene = useScene();
  const application = (files: Record<string, string>) => new Application(scene.current, files);
  const importing = (app: Application, file: string) => ['--import', pathToFileURL(join(app.folder, file)).href];

  for (const [way, register] of Object.entries(ways)) {
    it(`have probes by ${way}, in the program's threads, by one copy of sonde`, () => {
      const app = application({
        'main.mjs': `
          import { once } from 'node:events';
          import { Worker } from 'node:worker_threads';
          function f() {}
          f();
          const worker = new Worker(new URL('worker.mjs', import.meta.url));
          const [functions] = await once(worker, 'message');
          console.log(functions);`,
        'worker.mjs': `
          import { parentPort } from 'node:worker_threads';
          import { status } from '${import.meta.resolve('@sonde/node')}';
          function inWorker() {}
          inWorker();
          parentPort.postMessage(status().functions?.functions);`,
      });
      const { exitCode, stdout, stderr, status } = app.run('main.mjs', {}, register);
      assert.deepEqual([exitCode, stdout, stderr, status.functions], [0, '1\n', '', 1]);
    });

    it(`by ${way}, leave nothing in what the program's loader knows`, () => {
      const app = application({
        // The second pattern needs another package.
        'package.json': JSON.stringify({ sonde: { functions: ['**', '!*.test.js'] } }),
        'main.cjs': `
          const Module = require('node:module');
          function f() { return Module.prototype._compile; }
          const looks = ({ name, length }) => [name, length];
          console.log(JSON.stringify([
            Object.keys(require.cache), Object.keys(Module._pathCache), module.children.length, Object.keys(require.extensions),
            looks(f()), String(f()), looks(Module.register), String(Module.register), Module.registerHooks && String(Module.registerHooks),
            looks(Function.prototype.toString), String(Function.prototype.toString), Object.keys(globalThis),
          ]));`,
      });
      const seen = (options: readonly string[]) =>
        spawnSync(process.execPath, [...options, join(app.folder, 'main.cjs')], {
          encoding: 'utf8',
          env: { ...process.env, SONDE_DIR: scene.current.objects },
        });
      // The first time, the probe object is made.
      seen(register);
      const [plain, with_] = [seen([]), seen(register)];
      assert.equal(with_.stderr, '');
      assert.deepEqual(JSON.parse(with_.stdout), JSON.parse(plain.stdout));
      assert.equal(app.run('main.cjs', {}, register).status.functions, 2);
    });
  }

  for (const [kind, files] of Object.entries(LOADERS)) {
    it(`have probes where TypeScript is made into JavaScript by ${kind}, whichever comes first`, () => {
      const app = application({ 'package.json': '{ "type": "module" }', 'main.ts': TYPED, ...files });
      const loader = importing(app, 'loader.mjs');
      for (const register of Object.values(ways)) {
        for (const options of [
          [...register, ...loader],
          [...loader, ...register],
        ]) {
          const { fired, status } = app.run('main.ts', { SONDE_FUNCTIONS: '*.ts' }, options);
          assert.deepEqual([status.functions, status.skipped], [1, []], options.join(' '));
          // What was required came before the recorder, which therefore hears nothing.
          if (register === ways['--import']) assert.deepEqual(fired, ['> main.ts deliver 2', '< deliver']);
        }
      }
    });

    it(`leave hooks of the program's alone that ${kind} was given, and what they import`, () => {
      const app = application({
        'main.mjs': `function f() {}\nf();\nawait import('./other.mjs');`,
        'other.mjs': `export const g = () => 1;\ng();`,
        'hooks.mjs': `
          import { noted } from './noted.mjs';
          export const load = (url, context, next) => { noted(url); return next(url, context); };
          export const sync = load;`,
        'noted.mjs': `const urls = [];\nexport function noted(url) { urls.push(url); }`,
        'loader.mjs':
          kind === 'register'
            ? `import { register } from 'node:module';\nregister('./hooks.mjs', import.meta.url);`
            : `import { registerHooks } from 'node:module';\nimport { load } from './hooks.mjs';\nregisterHooks({ load });`,
      });
      const loader = importing(app, 'loader.mjs');
      for (const register of Object.values(ways)) {
        for (const options of [
          [...register, ...loader],
          [...loader, ...register],
        ]) {
          const { exitCode, stderr, fired } = app.run('main.mjs', { NODE_OPTIONS: '--no-warnings' }, options);
          assert.deepEqual([exitCode, stderr], [0, ''], options.join(' '));
          const own = fired.filter((line) => !/noted|load/.test(line));
          if (register === ways['--import']) {
            assert.deepEqual(own, ['> main.mjs f 1', '< f', '> other.mjs g 1', '< g'], options.join(' '));
          }
        }
      }
    });
  }

  it('leave the names that a CommonJS module exports, also where a hook made it', () => {
    const exporting = `
      Object.defineProperty(exports, "__esModule", { value: true });
      var other = require("./other.cjs");
      Object.defineProperty(exports, "one", { enumerable: true, get: function () { return other.one; } });
      Object.keys(other).forEach(function (key) {
        if (key === "default" || key === "__esModule") return;
        if (key in exports && exports[key] === other[key]) return;
        Object.defineProperty(exports, key, { enumerable: true, get: function () { return other[key]; } });
      });
      exports.own = () => 3;`;
    const app = application({
      'main.mjs': `
        import { one, own, two } from './plain.cjs';
        import * as made from './made.js';
        console.log(one(), two(), own(), made.one(), made.two(), made.own());`,
      'plain.cjs': exporting,
      'other.cjs': 'exports.one = () => 1;\nexports.two = () => 2;',
      'made.js': '',
      'hooks.mjs': `
        export async function load(url, context, next) {
          if (!url.endsWith('made.js')) return next(url, context);
          return { format: 'commonjs', shortCircuit: true, source: ${JSON.stringify(exporting)} };
        }`,
      'loader.mjs': `import { register } from 'node:module';\nregister('./hooks.mjs', import.meta.url);`,
    });
    for (const register of Object.values(ways)) {
      const { stdout, stderr, status } = app.run('main.mjs', { NODE_OPTIONS: '--no-warnings' }, [
        ...register,
        ...importing(app, 'loader.mjs'),
      ]);
      assert.deepEqual([stdout, stderr], ['1 2 3 1 2 3\n', '']);
      assert.ok(status.functions >= 4);
    }
  });

  it('have probes in TypeScript that tsx runs, whichever comes first', function () {
    const tsx = pathToFileURL(needsPackage(this, 'tsx@4', 'tsx/dist/loader.mjs')).href;
    const app = application({
      'package.json': '{ "type": "module" }',
      'main.ts': `import './other.cts';\n${TYPED}`,
      'other.cts': TYPED,
    });
    for (const options of [
      [...ways['--import'], '--import', tsx],
      ['--import', tsx, ...ways['--import']],
    ]) {
      const { fired } = app.run('main.ts', {}, options);
      assert.deepEqual(
        fired.filter((line) => line.includes('deliver')),
        ['> other.cts deliver 2', '< deliver', '> main.ts deliver 3', '< deliver'],
        options.join(' '),
      );
    }
  });

  it('have none where a loader could not be seen, and the reason says what to do', () => {
    const files = LOADERS.registerHooks ?? LOADERS.register!;
    const app = application({
      'package.json': '{ "type": "module" }',
      'main.ts': TYPED,
      ...files,
      'before.mjs': `const { register, registerHooks } = process.getBuiltinModule('node:module');\nglobalThis.taken = { register, registerHooks };`,
      'loader.mjs': files['loader.mjs']!.replace(
        /import \{ (register|registerHooks) \} from .*/,
        'const { $1 } = taken;',
      ),
    });
    const { status } = app.run('main.ts', { SONDE_FUNCTIONS: '*.ts' }, [
      ...importing(app, 'before.mjs'),
      ...ways['--import'],
      ...importing(app, 'loader.mjs'),
    ]);
    assert.match(
      status.skipped[0]!.reason,
      /^The keyword 'interface' is reserved .*; load that first, as in --import LOADER --import @sonde/,
    );
  });
});
