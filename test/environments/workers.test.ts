// Worker threads in odd surroundings. That they come and go, and what tracers see of them, is in
// ../workers.test.ts.
import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { WorkerOptions } from 'node:worker_threads';
import { told } from '../support/run-node.js';
import { useScene } from '../support/scene.js';
import { assertAlive, assertNoop } from './expect.js';
import type { Told } from './tell.js';

const HOST = fileURLToPath(new URL('worker-host.js', import.meta.url));

describe('A worker thread', function () {
  this.timeout(120_000);
  const scene = useScene();

  const run = <Result>(name: string, args: unknown[], env?: Record<string, string | undefined>): Result =>
    told(scene.current, [HOST, name, ...args.map((arg) => JSON.stringify(arg))], { ...(env && { env }) });
  const both = (name: 'plain' | 'evaluated', options: WorkerOptions, env?: Record<string, string | undefined>) => {
    const [worker, main] = run<[Told, Told]>(name, [options], env);
    assertAlive(main, scene.current.objects);
    return worker;
  };

  it('with little memory and stack has its probes', () => {
    const resourceLimits = {
      maxOldGenerationSizeMb: 8,
      maxYoungGenerationSizeMb: 1,
      stackSizeMb: 1,
      codeRangeSizeMb: 1,
    };
    const worker = both('plain', { resourceLimits, workerData: { port: 25 } });
    assertAlive(worker, scene.current.objects);
    assert.deepEqual(worker.seen, [['10.0.0.7', 25]]);
  });

  it('with options of its own has its probes', () => {
    const options = {
      execArgv: ['--enable-source-maps', '--no-deprecation'],
      argv: ['a', 'b'],
      name: 'named',
      trackUnmanagedFds: true,
    };
    assertAlive(both('plain', options), scene.current.objects);
  });

  it('that may load no addons has none, and the reason names the option', () => {
    assertNoop(both('plain', { execArgv: ['--no-addons'], env: { SONDE_REQUIRE: '' } }), /--no-addons: leave that out/);
  });

  it('with an environment of its own obeys that', () => {
    const inMemory = both('plain', { env: { SONDE_DIR: '/proc/nowhere' } });
    assertAlive(inMemory, 'memory');
    assertNoop(both('plain', { env: { SONDE_BACKEND: 'noop' } }), /no reason/);
  });

  it('with an empty environment takes the defaults', () => {
    const worker = both('plain', { env: {} });
    // That directory is the machine's, and may be in a state that is none of this test's business.
    if (worker.why) assertAlive(worker, 'memory');
    else assertAlive(worker, `/tmp/sonde-${userInfo().uid}`);
  });

  it('that has no file has its probes', () => {
    assertAlive(both('evaluated', {}), scene.current.objects);
  });

  it('is terminated in the middle of a fire, again and again, and the others fire on', () => {
    assert.deepEqual(run('misbehaving', ['waits', 10]), { ends: Array(10).fill('exit 1'), seen: [['10.0.0.7', 2525]] });
  });

  it('runs out of memory in the middle of a fire, and the others fire on', () => {
    assert.deepEqual(run('misbehaving', ['grows', 3]), {
      ends: Array(3).fill('ERR_WORKER_OUT_OF_MEMORY'),
      seen: [['10.0.0.7', 2525]],
    });
  });
});
