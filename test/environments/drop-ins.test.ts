// The drop-ins in processes of their own: nothing on the console, whatever is missing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { NODE_LINES, needsNode } from '../support/npm-packages.js';
import { environment, type Options, runNode, told } from '../support/run-node.js';
import { useScene } from '../support/scene.js';

const require = createRequire(import.meta.url);
/** A package of this repository, as a folder. */
const packageOf = (name: string) => dirname(require.resolve(`${name}/package.json`));
const sonde = dirname(dirname(realpathSync(require.resolve('sonde'))));

const NO_BACKEND = { SONDE_BACKEND: undefined, SONDE_REQUIRE: undefined };

describe('The drop-ins in their environments', function () {
  this.timeout(120_000);
  const scene = useScene();

  /** Installed as npm does, so that Node.js takes them for packages of others. */
  function install(folder: string, names: readonly string[] = ['dtrace-provider', 'usdt', 'sonde']): void {
    const modules = join(folder, 'node_modules');
    mkdirSync(join(modules, '@sonde'), { recursive: true });
    for (const name of names) {
      const source = name === 'sonde' ? sonde : packageOf(`@sonde/${name}`);
      for (const file of ['package.json', 'lib']) {
        cpSync(join(source, file), join(modules, name, file), { recursive: true });
      }
      if (name === 'dtrace-provider') cpSync(join(modules, name), join(modules, '@sonde', name), { recursive: true });
    }
    const native = join(modules, '@sonde/native');
    symlinkSync(
      dirname(dirname(realpathSync(createRequire(join(sonde, 'lib/index.js')).resolve('@sonde/native')))),
      native,
    );
  }

  function write(folder: string, name: string, content: string): string {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  }

  const PROGRAM = `
    const provider = require('dtrace-provider').createDTraceProvider('app');
    const probe = provider.addProbe('probe', 'int');
    provider.enable();
    const late = provider.addProbe('late');
    const fired = [probe.fire(() => [1]), late.fire(() => []), provider.fire('probe', () => [2])];
    const usdt = new (require('usdt').USDTProvider)('other');
    usdt.addProbe('probe').fire(() => []);
    usdt.enable();`;
  const TELL = `${PROGRAM}
    const { backend, reason, providers } = require('sonde').status();
    console.log(JSON.stringify({ fired: fired.map(String), backend, reason, providers: providers.map(({ name, probes }) => [name, ...probes.map(({ name }) => name)]) }));`;
  const FIRED = ['undefined', 'undefined', 'true'];

  interface Told {
    fired: string[];
    backend: string;
    reason?: string;
    providers: string[][];
  }

  for (const line of NODE_LINES) {
    it(`run on Node.js ${line} without a word`, function () {
      const node = needsNode(this, line);
      const { folder } = scene.current;
      install(folder);
      const said = told<Told>(scene.current, [write(folder, 'program.cjs', TELL)], { node });
      assert.deepEqual(said, {
        fired: FIRED,
        backend: 'systemtap',
        providers: [
          ['app', 'probe'],
          ['app', 'late'],
          ['other', 'probe'],
        ],
      });
    });

    // Each loads sonde as an ES module, while the other may be about to.
    it(`run on Node.js ${line} beside sonde, imported before or after it`, function () {
      const node = needsNode(this, line);
      const { folder } = scene.current;
      install(folder);
      write(folder, 'node_modules/old.cjs', `${PROGRAM}`);
      for (const imports of [
        "import 'sonde'; import './node_modules/old.cjs';",
        "import './node_modules/old.cjs'; import 'sonde';",
      ]) {
        const program = write(
          folder,
          'program.mjs',
          `${imports} import { status } from 'sonde'; const { backend, providers } = status();
           console.log(JSON.stringify([backend, providers.map(({ name, location }) => [name, typeof location])]));`,
        );
        assert.deepEqual(told(scene.current, [program], { node }), [
          'systemtap',
          [
            ['app', 'string'],
            ['app', 'string'],
            ['other', 'string'],
          ],
        ]);
      }
    });
  }

  it('are inactive with --no-addons, and say nothing', () => {
    const { folder } = scene.current;
    install(folder);
    const said = told<Told>(scene.current, ['--no-addons', write(folder, 'program.cjs', TELL)], { env: NO_BACKEND });
    assert.deepEqual([said.fired, said.backend], [FIRED, 'noop']);
    assert.match(said.reason!, /--no-addons/);
  });

  it('are inactive where sonde cannot be loaded, and say nothing', () => {
    const { folder } = scene.current;
    install(folder, ['dtrace-provider', 'usdt']);
    const program = write(folder, 'program.cjs', `${PROGRAM} console.log(JSON.stringify(fired.map(String)));`);
    assert.deepEqual(told(scene.current, [program]), FIRED);
  });

  it('throw with NODE_DTRACE_PROVIDER_REQUIRE=hard where no backend can run that tracers see, and only then', () => {
    const { folder } = scene.current;
    install(folder);
    const program = write(folder, 'program.cjs', "require('dtrace-provider');");
    const run = (options: string[], env: Options['env']) =>
      spawnSync(process.execPath, [...options, program], {
        encoding: 'utf8',
        env: environment(scene.current, { ...NO_BACKEND, NODE_DTRACE_PROVIDER_REQUIRE: 'hard', ...env }),
      });
    assert.deepEqual([run([], {}).status, run([], {}).stderr], [0, '']);
    const hard = 'NODE_DTRACE_PROVIDER_REQUIRE=hard';
    for (const [options, env, reason] of [
      [['--no-addons'], {}, 'no backend that tracers see can run: systemtap cannot run: .*--no-addons'],
      [[], { SONDE_BACKEND: 'noop' }, 'no backend that tracers see can run: the backend noop was asked for'],
      [[], {}, 'sonde cannot be loaded: .*'],
    ] as const) {
      if (reason.startsWith('sonde')) rmSync(join(folder, 'node_modules/sonde'), { recursive: true });
      const { status, stderr } = run([...options], env);
      assert.equal(status, 1);
      assert.match(stderr, new RegExp(`SondeError \\[SONDE_BACKEND\\]: ${reason}[^]*\\(${hard}\\)`));
      assert.equal(run([...options], { ...env, NODE_DTRACE_PROVIDER_REQUIRE: 'soft' }).status, 0);
    }
  });

  it('tell with DEBUG=sonde:* what is cut and what is mapped', () => {
    const { folder } = scene.current;
    const program = write(
      folder,
      'program.cjs',
      `const provider = require(${JSON.stringify(packageOf('@sonde/dtrace-provider'))}).createDTraceProvider('my app');
       provider.addProbe('wide', ...Array(32).fill('int'));
       provider.addProbe('GET /', 'int');`,
    );
    const { stderr } = runNode(scene.current, [program], { env: { DEBUG: 'sonde:*' } });
    assert.match(stderr, /sonde:dtrace-provider provider my app is my_app_x[a-p]{12} to tracers/);
    assert.match(stderr, /probe wide of my app has 32 arguments, of which tracers see the first 12/);
    assert.match(stderr, /probe GET \/ of my app is GET_x[a-p]{12} to tracers/);
  });

  it('make one object of what two copies of them define alike', () => {
    const { folder } = scene.current;
    const copies = ['one', 'two'].map((copy) => join(folder, copy));
    for (const copy of copies) install(copy);
    const program = write(
      folder,
      'program.cjs',
      `const locations = ${JSON.stringify(copies)}.map((copy) => {
         const provider = require(copy + '/node_modules/dtrace-provider').createDTraceProvider('app');
         provider.addProbe('probe', 'int');
         provider.enable();
         return provider;
       });
       const { providers } = require('node:module').createRequire(${JSON.stringify(join(copies[1]!, 'x.js'))})('sonde').status();
       console.log(JSON.stringify(providers.map(({ name, location }) => [name, location])));`,
    );
    const [one, two] = told<string[][]>(scene.current, [program]);
    assert.deepEqual(one, two);
    assert.equal(one![0], 'app');
  });

  it('throw from enable, and from nothing else, under SONDE_REQUIRE=1', () => {
    const program = write(
      scene.current.folder,
      'program.cjs',
      `const provider = require(${JSON.stringify(packageOf('@sonde/dtrace-provider'))}).createDTraceProvider('app');
       const probe = provider.addProbe('probe');
       try { provider.enable(); } catch ({ code }) { console.log(JSON.stringify([code, String(probe.fire(() => []))])); }`,
    );
    const env = { SONDE_BACKEND: 'systemtap', SONDE_REQUIRE: '1' };
    assert.deepEqual(told(scene.current, ['--no-addons', program], { env }), ['SONDE_BACKEND', 'undefined']);
  });
});
