// A program starts another: each selects its backend by its own environment.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { told } from '../support/run-node.js';
import { useScene } from '../support/scene.js';
import { assertAlive, assertNoop } from './expect.js';
import type { Told } from './tell.js';

const PARENT = fileURLToPath(new URL('parent.js', import.meta.url));

describe('A child process', function () {
  this.timeout(60_000);
  const scene = useScene();

  type Pair = [parent: Told, child: Told];
  const run = (how: string, child: NodeJS.ProcessEnv | null, parent: Record<string, string | undefined> = {}): Pair =>
    told(scene.current, [PARENT, how, JSON.stringify(child), join(scene.current.folder, 'told')], { env: parent });
  const tracing = () => ({ SONDE_BACKEND: 'systemtap', SONDE_REQUIRE: '1', SONDE_DIR: scene.current.objects });
  const NOOP = { SONDE_BACKEND: 'noop' };

  for (const how of ['fork', 'spawn']) {
    it(`(${how}) with its parent's environment has the same probe object`, () => {
      const [parent, child] = run(how, null);
      assertAlive(parent, scene.current.objects);
      assert.deepEqual(child, parent);
    });

    it(`(${how}) is given a backend that its parent does not have`, () => {
      const [parent, child] = run(how, tracing(), NOOP);
      assertNoop(parent, /no reason/);
      assertAlive(child, scene.current.objects);
    });

    it(`(${how}) does without a backend that its parent has`, () => {
      const [parent, child] = run(how, { ...tracing(), ...NOOP });
      assertAlive(parent, scene.current.objects);
      assertNoop(child, /no reason/);
    });

    it(`(${how}) has an environment of nothing but the directory`, () => {
      const [parent, child] = run(how, { SONDE_DIR: scene.current.objects });
      assert.deepEqual(child, parent);
    });
  }

  it('outlives its parent', async () => {
    const [parent] = run('detached', { ...tracing(), PATH: process.env.PATH });
    const file = join(scene.current.folder, 'told');
    let child: string;
    do {
      await setTimeout(10);
      child = readFileSync(file, 'utf8');
    } while (!child.endsWith('\n'));
    assert.deepEqual(JSON.parse(child), parent);
  });
});
