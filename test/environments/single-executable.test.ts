// Single executables: Node.js with the application inside, and the addon outside.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from 'mocha';
import { type NodeLine, needsNode, needsPackage } from '../support/npm-packages.js';
import { runNode, told } from '../support/run-node.js';
import { type Scene, useScene } from '../support/scene.js';
import { bundle, installNative, TRACER } from './bundle.js';
import { assertAlive, assertNoop } from './expect.js';

const POSTJECT = 'postject@1.0.0-alpha.6';
/** What Node.js looks for in its own file, as its documentation of single executables has it. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Makes one of an application; its path. Node.js 26 puts it together itself. */
function build(context: Context, scene: Scene, line: NodeLine, application: string, useSnapshot = false): string {
  const node = needsNode(context, line);
  const executable = join(scene.folder, 'application');
  const blob = join(scene.folder, 'application.blob');
  const config = join(scene.folder, 'config.json');
  const itself = line >= 26;
  const main = bundle(scene, application);
  const output = itself ? executable : blob;
  writeFileSync(config, JSON.stringify({ main, output, useSnapshot, disableExperimentalSEAWarning: true }));
  runNode(scene, [itself ? '--build-sea' : '--experimental-sea-config', config], { node });
  if (itself) return executable;
  copyFileSync(node, executable);
  chmodSync(executable, 0o755);
  const postject = needsPackage(context, POSTJECT, 'postject/dist/cli.js');
  const { status, stderr } = spawnSync(
    process.execPath,
    [postject, executable, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', FUSE],
    {
      encoding: 'utf8',
    },
  );
  assert.equal(status, 0, stderr);
  return executable;
}

const APPLICATION = `import { tell } from './tell.js'; console.log(JSON.stringify(tell()));`;

for (const line of [20, 26] as const) {
  describe(`A single executable of Node.js ${line}`, function () {
    this.timeout(300_000);
    const scene = useScene();

    it('has its probes where the addon is installed beside it, and none, with the reason, where it is not', function () {
      const node = build(this, scene.current, line, APPLICATION);
      const quiet = { ...TRACER, SONDE_REQUIRE: undefined };
      assertNoop(
        told(scene.current, [], { node, env: quiet }),
        /^systemtap cannot run: @sonde\/native is not in node_modules .*install @sonde\/native beside it/,
      );
      installNative(scene.current);
      assertAlive(told(scene.current, [], { node, env: TRACER }), scene.current.objects);
      // Found by PATH, and called by another name.
      const renamed = `${node}-renamed`;
      renameSync(node, renamed);
      const env = { ...TRACER, PATH: scene.current.folder };
      assertAlive(
        told(scene.current, ['--an-option', 'a-file'], { node: 'application-renamed', env, cwd: '/' }),
        scene.current.objects,
      );
      // The nearest package.json above the executable.
      writeFileSync(join(scene.current.folder, 'package.json'), '{ "sonde": { "backend": "noop" } }');
      assertNoop(told(scene.current, [], { node: renamed, env: { ...quiet, SONDE_BACKEND: undefined } }), /no reason/);
    });

    // Nothing but what makes it is different in the others, and that takes long.
    if (line !== 26) return;
    it('starts from a snapshot, and has its probes', function () {
      installNative(scene.current);
      const application = `
        import { startupSnapshot } from 'node:v8';
        import { defineSmtp, tell } from './tell.js';
        const smtp = defineSmtp();
        startupSnapshot.setDeserializeMainFunction(() => setImmediate(() => console.log(JSON.stringify(tell(2525, smtp)))));`;
      const node = build(this, scene.current, line, application, true);
      assertAlive(told(scene.current, ['x'], { node, env: TRACER }), scene.current.objects);
    });
  });
}
