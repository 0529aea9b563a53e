// Node.js's permission model. What it takes away is told by status(), with the option that gives it
// back; nothing throws.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE_LINES, needsNode } from '../support/npm-packages.js';
import { runNode } from '../support/run-node.js';
import { useScene } from '../support/scene.js';
import { bundle } from './bundle.js';
import { type Calls, RECORDED } from './calls.js';
import { assertAlive, assertNoop, PROGRAM } from './expect.js';
import type { Told } from './tell.js';

const WORKSPACE = fileURLToPath(new URL('../../../', import.meta.url));
const EVERYTHING = '*';

for (const line of NODE_LINES) {
  describe(`The permission model of Node.js ${line}`, function () {
    this.timeout(120_000);
    const scene = useScene();
    let node: string;
    before(function () {
      node = needsNode(this, line);
    });

    interface Allowed {
      read: string[];
      write?: string[];
      addons?: boolean;
    }

    function run<Result = Told>({ read, write = [], addons = false }: Allowed, program = PROGRAM): Result {
      const args = [
        line === 20 ? '--experimental-permission' : '--permission',
        ...read.map((path) => `--allow-fs-read=${path}`),
        ...write.map((path) => `--allow-fs-write=${path}`),
        ...(addons ? ['--allow-addons'] : []),
        program,
      ];
      const env = { SONDE_REQUIRE: undefined };
      const { stdout, stderr } = runNode(scene.current, args, { node, env });
      // Node.js's own words about these options.
      for (const each of stderr.split('\n'))
        assert.match(each, /^$|Permission is an experimental|--allow-addons must|--trace-warnings/);
      return JSON.parse(stdout);
    }

    it('forbids addons: no probes, and the reason names --allow-addons', () => {
      assertNoop(
        run({ read: [EVERYTHING] }),
        /^systemtap cannot run: .*permission model forbids native addons: give Node\.js --allow-addons$/,
      );
      assertNoop(run({ read: [WORKSPACE] }), /give Node\.js --allow-addons$/);
    });

    it('allows nothing but the program in one file: no call throws, and the reason is there', () => {
      const program = bundle(
        scene.current,
        `import { callAll } from './calls.js'; callAll().then((told) => console.log(JSON.stringify(told)));`,
      );
      const { backend, reason, recorded, left } = run<Calls>({ read: [program] }, program);
      assert.deepEqual({ backend, recorded, left }, { backend: 'noop', recorded: RECORDED, left: 0 });
      assert.match(
        reason!,
        /permission model does not let \S+@sonde\/native be read: give Node\.js --allow-fs-read for it$/,
      );
    });

    it('allows addons and the directory of probe objects: they are there', () => {
      const { objects } = scene.current;
      mkdirSync(objects, { mode: 0o700 });
      const allowed = { read: [EVERYTHING], write: [join(objects, '*')], addons: true };
      const told = run(allowed);
      assertAlive(told, objects);
      // Found by the next, which need not write.
      assert.deepEqual(run({ ...allowed, write: [] }), told);
    });

    it('forbids to write: probes are in memory, and status says why', () => {
      const told = run({ read: [EVERYTHING], addons: true });
      assertAlive(told, 'memory');
      assert.match(
        told.why!,
        /permission model does not let .*\/objects.* be written: give Node\.js --allow-fs-write for it$/,
      );
    });

    it('forbids to read what is above the directory of probe objects: they are in memory, and status says why', () => {
      const { folder, objects } = scene.current;
      mkdirSync(objects, { mode: 0o700 });
      const told = run({ read: [WORKSPACE, folder], write: [join(objects, '*')], addons: true });
      assertAlive(told, 'memory');
      assert.match(told.why!, /permission model does not let \S+ be read: give Node\.js --allow-fs-read for it$/);
    });

    it('forbids to read @sonde/native: probes are inactive, and status says why', () => {
      const paths = ['packages/sonde/lib/*', 'packages/sonde/package.json', 'packages/native/lib/index.js', 'test/*'];
      const { backend, location, reason, enabled } = run({
        read: paths.map((path) => join(WORKSPACE, path)),
        addons: true,
      });
      assert.deepEqual(
        { backend, location, enabled },
        { backend: 'noop', location: undefined, enabled: [false, false, false] },
      );
      assert.match(
        reason!,
        /permission model does not let .*@sonde\/native be read: give Node\.js --allow-fs-read for it$/,
      );
    });

    it('forbids worker threads, which changes nothing', () => {
      const denied = `
        import { Worker } from 'node:worker_threads';
        import { operation, provider } from ${JSON.stringify(import.meta.resolve('sonde'))};
        import { record } from ${JSON.stringify(import.meta.resolve('sonde/testing'))};
        const own = provider('own', { job: operation() });
        const recorder = record();
        let code;
        try { new Worker('', { eval: true }); } catch (error) { code = error.code; }
        own.job.run([], () => {});
        console.log(JSON.stringify([code, ...recorder.fired.map(({ probe, values }) => [probe, values.id])]));`;
      const permission = line === 20 ? '--experimental-permission' : '--permission';
      const args = [
        permission,
        '--allow-fs-read=*',
        '--allow-addons',
        '--no-warnings',
        '--input-type=module',
        '--eval',
        denied,
      ];
      assert.deepEqual(JSON.parse(runNode(scene.current, args, { node }).stdout), [
        'ERR_ACCESS_DENIED',
        ['job__start', 1],
        ['job__done', 1],
      ]);
    });
  });
}
