// Programs that start from a snapshot of their heap: their providers were defined while that was
// built, where nothing native may be, and are to be there in every process that starts from it.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Status } from 'sonde';
import { NODE_LINES, needsNode } from '../support/npm-packages.js';
import { runNode, told } from '../support/run-node.js';
import { useScene } from '../support/scene.js';
import { bundle, installNative, TRACER } from './bundle.js';
import { assertAlive, assertNoop } from './expect.js';
import type { Told } from './tell.js';

/** Tells what it is while the snapshot is built, when its main function is called, and later. */
const APPLICATION = `
  import { startupSnapshot } from 'node:v8';
  import { status } from 'sonde';
  import { defineSmtp, tell } from './tell.js';
  const smtp = defineSmtp();
  smtp.sessionStart.fire('early', 1);
  const building = status();
  startupSnapshot.setDeserializeMainFunction(() => {
    smtp.sessionStart.fire('early', 2);
    const starting = status();
    setImmediate(() => {
      const running = tell(2525, smtp);
      const later = tell();
      console.log(JSON.stringify({ building, starting, running, later, argv: process.argv.slice(1) }));
    });
  });`;

interface Lives {
  building: Status;
  starting: Status;
  running: Told;
  later: Told;
  argv: string[];
}

const BUILDING =
  /^a snapshot was being built: the probes come alive in a process that starts from it, once its main function has returned$/;

for (const line of NODE_LINES) {
  describe(`A snapshot of Node.js ${line}`, function () {
    this.timeout(120_000);
    const scene = useScene();
    let node: string;
    before(function () {
      node = needsNode(this, line);
    });

    function build(application: string, env: Record<string, string | undefined> = {}): string {
      const blob = join(scene.current.folder, 'application.blob');
      const { stdout, stderr } = runNode(
        scene.current,
        ['--snapshot-blob', blob, '--build-snapshot', bundle(scene.current, application)],
        {
          node,
          env,
        },
      );
      assert.deepEqual([stdout, stderr], ['', '']);
      return blob;
    }

    it('is built with providers, and they are there when it runs', () => {
      installNative(scene.current);
      const blob = build(APPLICATION);
      assert.equal(existsSync(scene.current.objects), false, 'nothing native while it is built');
      for (const port of ['25', '587']) {
        const { building, starting, running, later, argv } = told<Lives>(
          scene.current,
          ['--snapshot-blob', blob, port],
          {
            node,
            env: TRACER,
          },
        );
        for (const { backend, reason, providers } of [building, starting]) {
          assert.equal(backend, 'noop');
          assert.match(reason!, BUILDING);
          assert.deepEqual(
            providers[0]!.probes.map(({ name, enabled, errors }) => [name, enabled, errors]),
            [
              ['session__start', false, 0],
              ['session__dump', false, 0],
            ],
          );
        }
        assertAlive(running, scene.current.objects);
        assertAlive(later, scene.current.objects);
        assert.equal(later.location, running.location);
        assert.deepEqual(argv, [port]);
      }
    });

    it('chooses its backend when it runs, by the environment and the package.json of the application', () => {
      installNative(scene.current);
      const blob = build(APPLICATION, { SONDE_BACKEND: 'noop' });
      const run = (env: Record<string, string | undefined>) => {
        const all = { SONDE_BACKEND: undefined, SONDE_REQUIRE: undefined, ...TRACER, ...env };
        // Not the application's main file, but what may look like it.
        return told<Lives>(scene.current, ['--snapshot-blob', blob, process.execPath], { node, env: all }).running;
      };
      assertAlive(run({ SONDE_BACKEND: 'systemtap', SONDE_REQUIRE: '1' }), scene.current.objects);
      assertAlive(run({}), scene.current.objects);
      writeFileSync(join(scene.current.folder, 'package.json'), '{ "sonde": { "backend": "noop" } }');
      assertNoop(run({}), /no reason/);
    });

    it('runs without the addon, and says why nothing is there', () => {
      const blob = build(APPLICATION);
      const env = { ...TRACER, SONDE_REQUIRE: undefined };
      // What the user names is not where the program lies: nothing is loaded from there.
      const elsewhere = join(scene.current.folder, 'elsewhere');
      mkdirSync(elsewhere);
      installNative({ folder: elsewhere });
      const { running } = told<Lives>(scene.current, ['--snapshot-blob', blob, join(elsewhere, 'mail.txt')], {
        node,
        env,
      });
      assertNoop(running, /^systemtap cannot run: @sonde\/native is not in node_modules/);
    });

    it('is built under DEBUG, which is that of the process that starts from it', () => {
      installNative(scene.current);
      const debug = createRequire(import.meta.resolve('sonde')).resolve('debug/package.json');
      symlinkSync(dirname(debug), join(scene.current.folder, 'node_modules/debug'));
      const blob = build(APPLICATION, { DEBUG: 'sonde:*' });
      const run = (DEBUG: string) =>
        runNode(scene.current, ['--snapshot-blob', blob], { node, env: { ...TRACER, DEBUG } });
      assert.equal(run('').stderr, '');
      const { stdout, stderr } = run('sonde:select');
      assertAlive(JSON.parse(stdout).running, scene.current.objects);
      assert.match(stderr, /sonde:select systemtap was asked for, systemtap runs/);
    });

    it('of a program with a script of its own has no main function', () => {
      installNative(scene.current);
      const blob = build(
        `import { defineSmtp, tell } from './tell.js'; const smtp = defineSmtp(); globalThis.tell = () => tell(2525, smtp);`,
      );
      const script = join(scene.current.folder, 'script.cjs');
      writeFileSync(script, 'setImmediate(() => console.log(JSON.stringify(globalThis.tell())));');
      assertAlive(told(scene.current, ['--snapshot-blob', blob, script], { node, env: TRACER }), scene.current.objects);
    });
  });
}
