// Modules with probes that are loaded again: by test runners, by servers that reload what was
// edited.
import assert from 'node:assert/strict';
import { mkdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE_LINES, needsNode, needsPackage } from '../support/npm-packages.js';
import { runNode, told } from '../support/run-node.js';
import { type Scene, useScene } from '../support/scene.js';

const SONDE = dirname(dirname(fileURLToPath(import.meta.resolve('sonde'))));
const TELL = JSON.stringify(new URL('tell.js', import.meta.url));

/** A package with sonde installed, and these files. */
function install({ folder }: Scene, files: Record<string, string>): void {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(SONDE, join(folder, 'node_modules/sonde'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
}

const JEST = 'jest@30';

for (const line of NODE_LINES) {
  describe(`Modules that are loaded again by Node.js ${line}`, function () {
    this.timeout(300_000);
    const scene = useScene();
    let node: string;
    before(function () {
      node = needsNode(this, line);
    });

    const run = <Result>(program: string): Result => {
      writeFileSync(join(scene.current.folder, 'program.mjs'), program);
      return told(scene.current, [join(scene.current.folder, 'program.mjs')], { node });
    };

    /**
     * Loads smtp twice, fires both under one tracer, which is attached to the first one's object.
     */
    const twice = (load: string) => `
      import { createRequire } from 'node:module';
      import { status } from 'sonde';
      import { starts, traceSmtp } from ${TELL};
      const require = createRequire(import.meta.url);
      ${load}
      const [first, second] = [await again(), await again()];
      const locations = status().providers.map(({ location }) => location);
      const tracer = traceSmtp(locations[0]);
      const enabled = [first, second].map(({ smtp }) => smtp.sessionStart.enabled);
      first.smtp.sessionStart.fire('first', 1);
      second.smtp.sessionStart.fire('second', 2);
      const seen = starts(tracer);
      tracer.detach();
      console.log(JSON.stringify({ isSame: first === second, locations, enabled, seen }));`;
    interface Twice {
      isSame: boolean;
      locations: string[];
      enabled: boolean[];
      seen: unknown[];
    }

    function assertShared({ isSame, locations, enabled, seen }: Twice): void {
      assert.equal(isSame, false);
      assert.equal(locations.length, 2);
      assert.equal(locations[0], locations[1]);
      assert.deepEqual(enabled, [true, true]);
      assert.deepEqual(seen, [
        ['first', 1],
        ['second', 2],
      ]);
    }

    const SMTP = `provider('smtp', { sessionStart: [string('peer'), int32('port')] })`;

    it('by require, have the same probe object', () => {
      install(scene.current, {
        'mail.cjs': `const { provider, string, int32 } = require('sonde'); exports.smtp = ${SMTP};`,
      });
      assertShared(
        run(
          twice(
            `const again = () => { delete require.cache[require.resolve('./mail.cjs')]; return require('./mail.cjs'); };`,
          ),
        ),
      );
    });

    it('by require, and sonde with them, have the same probe object and one status', () => {
      install(scene.current, {
        'mail.cjs': `const { provider, string, int32 } = require('sonde'); exports.smtp = ${SMTP};`,
      });
      assertShared(
        run(
          twice(
            `const again = () => { for (const file of Object.keys(require.cache)) delete require.cache[file]; return require('./mail.cjs'); };`,
          ),
        ),
      );
    });

    it('by import with a query have the same probe object', () => {
      install(scene.current, {
        'mail.mjs': `import { provider, string, int32 } from 'sonde'; export const smtp = ${SMTP};`,
      });
      assertShared(run(twice(`let times = 0; const again = () => import('./mail.mjs?' + ++times);`)));
    });

    it('by import with a query, and sonde with them, have the same probe object and one status', () => {
      const sonde = import.meta.resolve('sonde');
      install(scene.current, {
        'mail.mjs': `
          const { provider, string, int32 } = await import(${JSON.stringify(sonde)} + new URL(import.meta.url).search);
          export const smtp = ${SMTP};`,
      });
      assertShared(run(twice(`let times = 0; const again = () => import('./mail.mjs?' + ++times);`)));
    });

    it('with another definition have another object, which the link shows; a tracer of the old one sees the old one', () => {
      install(scene.current, {});
      const definition = (args: string) =>
        `import { provider, string, int32 } from 'sonde'; export const smtp = provider('smtp', { sessionStart: [${args}] });`;
      const old = definition(`string('peer'), int32('port')`);
      writeFileSync(join(scene.current.folder, 'mail.mjs'), old);
      const { locations, enabled, seen } = run<Twice>(
        twice(`
          import { writeFileSync } from 'node:fs';
          let times = 0;
          const again = () => {
            if (times > 0) writeFileSync(new URL('mail.mjs', import.meta.url), ${JSON.stringify(definition(`string('peer'), int32('port'), string('tls')`))});
            return import('./mail.mjs?' + ++times);
          };`),
      );
      assert.equal(new Set(locations).size, 2);
      assert.deepEqual(enabled, [true, false]);
      assert.deepEqual(seen, [['first', 1]]);
      assert.equal(readlinkSync(join(scene.current.objects, 'smtp.so')), basename(locations[1]!));
    });

    it('and let go of are withdrawn: status tells the new ones only', () => {
      install(scene.current, {
        'mail.cjs': `const { provider, string, int32 } = require('sonde'); exports.smtp = ${SMTP};`,
      });
      const program = `
        const { setFlagsFromString } = require('node:v8');
        const { runInNewContext } = require('node:vm');
        const { status } = require('sonde');
        setFlagsFromString('--expose-gc');
        const collect = runInNewContext('gc');
        for (let i = 0; i < 100; i++) {
          require('./mail.cjs');
          delete require.cache[require.resolve('./mail.cjs')];
          // Node.js keeps what a module loaded there as well.
          module.children.length = 0;
        }
        (async () => {
          const before = status().providers.length;
          for (let i = 0; i < 10 && status().providers.length > 0; i++) {
            await new Promise(setImmediate);
            collect();
          }
          console.log(JSON.stringify([before, status().providers.length]));
        })();`;
      writeFileSync(join(scene.current.folder, 'program.cjs'), program);
      const [before, after] = told<[number, number]>(scene.current, [join(scene.current.folder, 'program.cjs')], {
        node,
      });
      assert.ok(before > 1, `${before}`);
      // V8 may hold on to the last one or two for a while.
      assert.ok(after <= 3, `${after}`);
    });

    it('by jest, for each file of tests', function () {
      const jest = needsPackage(this, JEST, 'jest/bin/jest.js');
      const test = (provider: string) => `
        import { provider, status, string, bytes, operation } from 'sonde';
        import { record } from 'sonde/testing';
        const own = provider('${provider}', { probe: [string('s'), bytes('b')], job: operation() });
        test('records', async () => {
          const recorder = record();
          own.probe.fire('text', Uint8Array.of(1, 2));
          await own.job.run([], async () => {});
          expect(recorder.fired.map(({ provider, probe }) => provider + ':' + probe)).toEqual(['${provider}:probe', '${provider}:job__start', '${provider}:job__done']);
          expect(Array.from(recorder.fired[0].values.b)).toEqual([1, 2]);
          recorder.stop();
        });
        test('has probes', () => {
          const { backend, providers } = status();
          expect(backend).toBe('systemtap');
          expect(providers.map(({ name }) => name)).toEqual(['${provider}']);
          expect(providers[0].location).toContain(${JSON.stringify(scene.current.objects)});
        });`;
      const files = ['first', 'second', 'third'].map((name) => [`${name}.test.mjs`, test(name)]);
      files.push([
        'reset.test.cjs',
        `test('the same probe object after each reset', () => {
          const locations = new Set();
          for (let i = 0; i < 5; i++) {
            jest.resetModules();
            const { provider, status, string } = require('sonde');
            provider('reset', { probe: [string('s')] }).probe.fire('text');
            for (const { location } of status().providers) locations.add(location);
          }
          expect(locations.size).toBe(1);
          expect([...locations][0]).toContain(${JSON.stringify(scene.current.objects)});
        });`,
      ]);
      install(scene.current, {
        'package.json': '{ "jest": { "transform": {}, "testMatch": ["**/*.test.?js"] } }',
        ...Object.fromEntries(files),
      });
      const args = [
        '--experimental-vm-modules',
        '--no-warnings',
        jest,
        '--runInBand',
        '--no-cache',
        `--rootDir=${scene.current.folder}`,
      ];
      const { stderr } = runNode(scene.current, args, { node });
      assert.match(stderr, /Tests: +7 passed, /);
    });
  });
}
