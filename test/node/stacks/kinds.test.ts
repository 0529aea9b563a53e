// What bpftrace's ustack shows of a frame of each kind of code: of functions that were there when
// it came.
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { NODE_LINES, type NodeLine, needsNode } from '../../support/npm-packages.js';
import { useScene } from '../../support/scene.js';
import { placeOf, readStacks, StacksProgram, stackTracer } from '../../support/stacks-program.js';
import { needsRoot, needsTools } from '../../support/tools.js';

// All lines where STACKS_NODES=all (npm run suite -- node); else the one that runs.
const lines: NodeLine[] =
  process.env.STACKS_NODES === 'all' ? [...NODE_LINES] : [Number.parseInt(process.versions.node, 10) as NodeLine];

for (const line of lines) {
  describe(`ustack on Node.js ${line}`, function () {
    this.timeout(60_000);
    const scene = useScene();

    before(function () {
      needsRoot(this);
      needsTools(this, 'bpftrace');
    });

    it('names frames of every kind of code, with their original lines', async function () {
      const program = await StacksProgram.start(scene.current, {}, { node: needsNode(this, line) });
      await program.call('startWorker');
      const tiers = await program.call('tiers');
      assert.deepEqual(tiers, { maglev: line >= 24, turbofan: true });
      // All are there before the tracer is, but those whose bytecode V8 never throws away.
      for (const kind of KINDS.filter((kind) => !KEPT.includes(kind))) await program.call('fire', kind);
      const tracer = stackTracer(scene.current, program);
      await until(async () => (await program.call('status')).on);
      await tracer.hears(() => program.call('fire', 'eval'), /^eval$/m);
      await program.call('tiers');
      for (const kind of KINDS) await program.call('fire', kind);
      assert.equal((await program.call('fireInWorker')).on, true);
      // bpftrace reads the names when it prints: by then, all source maps have been looked at.
      await program.call('flush');
      const stacks = readStacks(await tracer.stop());
      const has = (kind: string, ...frames: (string | RegExp)[]) => {
        const found = stacks.filter((each) => each.kind === kind);
        const fits = (frame: string, wanted: string | RegExp) =>
          typeof wanted === 'string' ? frame === wanted : wanted.test(frame);
        const whole = found.find((each) => frames.every((wanted) => each.frames.some((frame) => fits(frame, wanted))));
        assert.ok(whole, `${kind}: not ${frames} in\n${found.map((each) => each.frames.join('\n')).join('\n\n')}`);
      };
      assert.doesNotMatch(stacks.flatMap(({ frames }) => frames).join('\n'), /^0x/m);
      has('interpreted', placeOf('interpretedFrame'));
      has('baseline', placeOf('baselineFrame'));
      if (line >= 24) has('maglev', placeOf('maglevFrame'));
      has('turbofan', placeOf('turbofanFrame'));
      has('builtin', placeOf('inBuiltinFrame'), /ArrayForEach|ArrayPrototypeForEach/, placeOf('builtinFrame'));
      has('turbofan builtin', /NonPrimitiveToPrimitive/, placeOf('turbofanBuiltinFrame'));
      has('async', placeOf('asyncFrame'));
      const field = line >= 22 ? 'FieldFrame' : '<instance_members_initializer>';
      has('field', placeOf(field, 'class FieldFrame'), placeOf('fireField'));
      has('constructor', placeOf('ConstructorFrame', 'constructor() {'));
      has('getter', placeOf('get getterFrame', 'get getterFrame('));
      has('generator', placeOf('generatorFrame', 'function* generatorFrame('));
      has('eval', 'evalFrame eval:1');
      has('wasm', /^wasm:wasmFrame\[1\]$/);
      has('worker', placeOf('workerFrame', 'function workerFrame(', 'stacks-worker.ts'));
    });
  });
}

const KINDS = [
  ...[
    'interpreted',
    'baseline',
    'maglev',
    'turbofan',
    'builtin',
    'turbofan builtin',
    'async',
    'field',
    'constructor',
    'getter',
    'generator',
  ],
  ...['eval', 'wasm'],
];

/** They have names from their first call with a tracer on. */
const KEPT = ['async', 'field', 'generator'];

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await condition()) return;
    await setTimeout(50);
  }
  assert.fail('it took more than 10 s');
}
