// What a process holds stays the same however often it fires: every type of argument, every way to
// fire, traced and not.
import { fileURLToPath } from 'node:url';
import { CalledProgram } from '../support/called-program.js';
import { RawTracer } from '../support/raw-tracer.js';
import { told } from '../support/run-node.js';
import { useScene } from '../support/scene.js';
import { needsRoot } from '../support/tools.js';
import type { Allocation } from './allocation-program.js';
import type { Commands } from './flat-program.js';
import { areMet, type Goal, Goals } from './goals.js';
import { scaled } from './scale.js';

const PROGRAM = fileURLToPath(new URL('flat-program.js', import.meta.url));

const ALLOCATION = fileURLToPath(new URL('allocation-program.js', import.meta.url));

const CALLS = 10_000_000;
/**
 * Bytes, of all calls: the measurement itself takes some thousand. An object for each call would be
 * 160 million.
 */
const MOST_ALLOCATED = 100_000;
/**
 * Of each way to fire, in each of two loops. All ways together are ten million, and in an hour each
 * of them is.
 */
const FIRES = scaled(250_000);
/** How much of that, where not all: a stack takes forty times as long as another argument. */
const SHARES: Record<string, number> = { stack: 0.2 };

/** Bytes. A pointer that is lost with each fire is eight. */
const MOST_A_FIRE = 1;
const MOST_RESIDENT_MIB = 1;
/** V8 maps a page more now and then. */
const MOST_MAPPINGS = 8;
/** What grows by accident does not do so again and again. */
const ATTEMPTS = 3;

describe('A probe that nobody traces', () => {
  const scene = useScene();

  it('allocates nothing when it is fired', () => {
    const goals = new Goals();
    // Not fireWith: whether V8 makes the closure is for the caller's code to know.
    for (const shape of ['fire', 'enabled']) {
      const args = ['--expose-gc', ALLOCATION, shape, String(CALLS)];
      const { grown, collections } = told<Allocation>(scene.current, args);
      goals.add(
        `${shape}, ${CALLS.toLocaleString('en')} times`,
        { name: 'heap', measured: grown, most: MOST_ALLOCATED, unit: ' bytes' },
        // They would hide what was allocated.
        { name: 'collections meanwhile', measured: collections, exactly: 0 },
      );
    }
    goals.check();
  });
});

describe('Ten million fires leave memory, mappings, descriptors and threads as they are', () => {
  const scene = useScene();

  for (const yields of [true, false]) {
    describe(yields ? 'with turns of the event loop between' : 'in a loop that never yields', () => {
      it('where nobody traces', async () => {
        await fireAllWays(await start(), yields);
      });

      it('where a recorder takes them', async () => {
        const program = await start();
        await program.call('record');
        await fireAllWays(program, yields, { share: 0.2 });
      });

      it('that a tracer counts, and it counts each', async function () {
        needsRoot(this);
        const program = await start();
        const tracer = RawTracer.place(scene.current, await program.call('object'), 'flat');
        tracer.turn(true);
        await fireAllWays(program, yields, { tracer });
      });
    });
  }

  async function start(): Promise<CalledProgram<Commands>> {
    const environment = { SONDE_DIR: scene.current.objects };
    const program = new CalledProgram<Commands>(PROGRAM, environment, { execArgv: ['--expose-gc'] });
    scene.current.defer(() => program.kill());
    return program;
  }
});

/** @param options how much of FIRES, and who counts them */
async function fireAllWays(
  program: CalledProgram<Commands>,
  yields: boolean,
  { share = 1, tracer }: { share?: number; tracer?: RawTracer } = {},
): Promise<void> {
  const goals = new Goals();
  for (const way of await program.call('ways', yields)) {
    const times = FIRES * (SHARES[way] ?? share);
    let figures: Goal[] = [];
    for (let attempt = 1; attempt === 1 || (attempt <= ATTEMPTS && !areMet(figures)); attempt++) {
      figures = await measure(program, way, times, yields, tracer);
    }
    goals.add(`${way}, ${times.toLocaleString('en')} times`, ...figures);
  }
  goals.check();
}

async function measure(
  program: CalledProgram<Commands>,
  way: string,
  wanted: number,
  yields: boolean,
  tracer: RawTracer | undefined,
): Promise<Goal[]> {
  const before = tracer?.hits() ?? {};
  const { grown, times, fired } = await program.call('run', way, wanted, yields);
  const after = tracer?.hits() ?? {};
  const aFire = { most: MOST_A_FIRE, unit: ' bytes a fire', digits: 2 };
  return [
    { name: 'heap', measured: grown.heap / times, ...aFire },
    { name: 'outside of it', measured: grown.outside / times, ...aFire },
    { name: 'resident', measured: grown.resident / 2 ** 20, most: MOST_RESIDENT_MIB, unit: ' MiB', digits: 1 },
    { name: 'mappings', measured: grown.mappings, most: MOST_MAPPINGS },
    { name: 'descriptors', measured: grown.descriptors, most: 0 },
    { name: 'threads', measured: grown.threads, most: 0 },
    ...(tracer ? Object.entries(fired) : []).map(([probe, exactly]) => {
      return { name: `${probe} counted`, measured: after[probe]! - before[probe]!, exactly };
    }),
  ];
}
