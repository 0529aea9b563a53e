// A thousand worker threads come, fire and are terminated, and the process is as it was.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { CalledProgram } from '../support/called-program.js';
import { RawTracer } from '../support/raw-tracer.js';
import { type Scene, useScene } from '../support/scene.js';
import { needsRoot } from '../support/tools.js';
import { meet } from './goals.js';
import { scaled } from './scale.js';
import type { Commands } from './workers-program.js';

const PROGRAM = fileURLToPath(new URL('workers-program.js', import.meta.url));
const WORKERS = scaled(84);
const AT_ONCE = 4;
const MOST_RESIDENT_MIB = 16;

describe('A thousand worker threads come, fire and are terminated', () => {
  const scene = useScene();

  it('and nobody traces them', async () => {
    await comeAndGo(await start(scene.current));
  });

  it('and a tracer is attached', async function () {
    needsRoot(this);
    const program = await start(scene.current);
    const tracer = RawTracer.place(scene.current, await program.call('object'), 'lives');
    tracer.turn(true);
    await comeAndGo(program);
    const before = tracer.hits();
    assert.equal(await program.call('fire', 1000), 0);
    const after = tracer.hits();
    meet('1,000 fires of the main thread after all of them', [
      { name: 'texts counted', measured: after.text! - before.text!, exactly: 1000 },
      { name: 'stacks counted', measured: after.where! - before.where!, exactly: 1000 },
      { name: 'operations counted', measured: after.job__start! - before.job__start!, exactly: 2000 },
    ]);
  });
});

async function start(scene: Scene): Promise<CalledProgram<Commands>> {
  const environment = { SONDE_DIR: scene.objects };
  const program = new CalledProgram<Commands>(PROGRAM, environment, { execArgv: ['--expose-gc'] });
  scene.defer(() => program.kill());
  return program;
}

/**
 * Without those of modules. Node.js does not close the file of an ES module that it reads when the
 * thread is terminated: 6 of 400 such workers left one open, without sonde.
 */
const counted = ({ descriptors }: { descriptors: string[] }) =>
  descriptors.filter((name) => !/\.m?js$/.test(name)).length;

async function comeAndGo(program: CalledProgram<Commands>): Promise<void> {
  // The first ones make the allocator and Node.js's pool of threads what they then stay.
  await program.call('run', AT_ONCE, AT_ONCE);
  const { exits, before, after } = await program.call('run', WORKERS, AT_ONCE);
  // Node.js says 1 of a thread that was terminated, and 0 of one that had not begun.
  const failed = Object.entries(exits).filter(([exit]) => exit !== 'exit 1' && exit !== 'exit 0');
  meet(
    `${WORKERS.toLocaleString('en')} workers, ${AT_ONCE} at once`,
    [
      { name: 'ended otherwise than by being terminated', measured: failed.length, exactly: 0 },
      { name: 'threads more', measured: after.threads - before.threads, most: 0 },
      { name: 'descriptors more', measured: counted(after) - counted(before), most: 0 },
      { name: 'mappings of the object more', measured: after.mappings - before.mappings, most: 0 },
      {
        name: 'resident more',
        measured: (after.resident - before.resident) / 2 ** 20,
        most: MOST_RESIDENT_MIB,
        unit: ' MiB',
        digits: 1,
      },
    ],
    JSON.stringify({ failed, descriptors: [before.descriptors, after.descriptors] }),
  );
}
