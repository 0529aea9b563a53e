import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { bpftrace } from '../../support/bpftrace.js';
import { isDuration, recordedProgram, show } from '../../support/recorded-program.js';
import { RuntimeProgram } from '../../support/runtime-program.js';
import { useScene } from '../../support/scene.js';
import { needsRoot, needsTools } from '../../support/tools.js';

const TIMES = 7;
/** V8's GCType of the whole heap, and its flag of a collection that was asked for. */
const [WHOLE, FORCED] = [4, 4];

describe('@sonde/node: garbage collection', function () {
  this.timeout(60_000);
  const scene = useScene();

  it('is fired where it happens, each once, by the addon', async function () {
    needsTools(this, 'bpftrace');
    needsRoot(this);
    const program = await RuntimeProgram.start(scene.current, {}, { execArgv: ['--expose-gc'] });
    const reasons = await program.call('reasons');
    if (reasons.gc !== undefined) {
      // The addon is compiled for the Node.js that compiled it; test/nodes runs the tests on
      // others.
      assert.match(reasons.gc, /^@sonde\/node has no addon for Node\.js v/);
      return assert.notEqual(process.versions.modules, compiledFor());
    }
    const object = await program.realObject();
    const tracer = bpftrace(
      scene.current,
      `usdt:${object}:node:gc__start /arg1 == ${FORCED}/ { @started[tid] = nsecs; printf("start %d used %d\\n", arg0, arg2); }
       usdt:${object}:node:gc__done /arg1 == ${FORCED}/ {
         printf("done %d ns %d used %d before %d, %d\\n", arg0, arg2, arg3, arg4, nsecs - @started[tid]);
       }`,
    );
    await tracer.hears(() => program.call('collect', 1), /^done /m);
    const from = tracer.output.length;
    await program.call('collect', TIMES);
    await tracer.shows(new RegExp(`(^done [^]*){${TIMES}}`, 'm'), from);
    const output = (await tracer.stop()).slice(from);
    const started = [...output.matchAll(/^start (\d+) used (\d+)$/gm)].map((match) => match.slice(1).map(Number));
    const done = [...output.matchAll(/^done (\d+) ns (\d+) used (\d+) before (\d+), (\d+)$/gm)].map((match) =>
      match.slice(1).map(Number),
    );
    assert.deepEqual([started.length, done.length], [TIMES, TIMES], output);
    done.forEach(([kind, ns, used, before, between], index) => {
      assert.deepEqual([kind, started[index]], [WHOLE, [WHOLE, before]]);
      assert.ok(ns! > 10_000 && ns! <= between! && used! > 1e6, output);
    });
  });

  it('comes late and without the heap where the addon cannot, and status() tells', async () => {
    // The recorder has no stubs that the addon could call.
    const { program, of } = await recordedProgram(scene.current, { execArgv: ['--expose-gc'] });
    await program.call('collect', TIMES);
    const done = (await of('gc__done')).filter(({ flags }) => flags === FORCED);
    assert.equal(done.length, TIMES, show(done));
    assert.ok(
      done.every(({ kind, ns, used }) => kind === WHOLE && isDuration(ns) && used === 0),
      show(done),
    );
    assert.deepEqual(await of('gc__start'), []);
    assert.match((await program.call('reasons')).gc!, /no stubs|no addon/);
  });
});

/** process.versions.modules of that Node.js, as node-gyp wrote it down. */
function compiledFor(): string {
  const config = readFileSync(new URL('../../../../packages/node/addon/build/config.gypi', import.meta.url), 'utf8');
  return /"node_module_version": (\d+)/.exec(config)![1]!;
}
