// Tracers come and go while a program works: nothing is lost, and nothing is left behind.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Commands } from '../../fixtures/functions-program.js';
import { bpftrace } from '../../support/bpftrace.js';
import { CalledProgram } from '../../support/called-program.js';
import { Debugger } from '../../support/debugger.js';
import { REGISTER } from '../../support/runtime-program.js';
import { type Scene, useScene } from '../../support/scene.js';
import { needsRoot, needsTools } from '../../support/tools.js';
import type { Tracer } from '../../support/tracer.js';

const PROGRAM = fileURLToPath(new URL('../../fixtures/functions-program.js', import.meta.url));
const ROUNDS = 3;
const CALLS = 500;
/** Without a limit: each call is to be counted. */
const live = (...names: string[]) => ({ SONDE_FUNCTIONS: 'off', SONDE_LIVE: names.join(), SONDE_LIVE_SHARE: '1' });

describe('@sonde/node: attaching to functions under load', function () {
  this.timeout(120_000);
  const scene = useScene();

  before(function () {
    needsTools(this, 'bpftrace');
    needsRoot(this);
  });

  for (const returns of ['fast', 'exact']) {
    it(`counts every call, each time: ${returns}`, async () => {
      const program = await start(scene.current, { SONDE_FUNCTIONS_RETURNS: returns });
      const before = await state(program, scene.current);
      for (let round = 0; round < ROUNDS; round++) {
        await program.call('work', true);
        const tracer = bpftrace(
          scene.current,
          `${usdt('function__entry')} /str(arg1) == "counted"/ { @entries = count(); }
           ${usdt('function__return')} /str(arg1) == "counted"/ { @returns = count(); @threw = sum(arg4); }
           ${usdt('function__return')} /str(arg1) == "knocked"/ { printf("knocked\\n"); }`,
        );
        await tracer.hears(() => program.call('knock'), /^knocked/m);
        assert.equal(await program.call('count', CALLS), (CALLS * (CALLS - 1)) / 2);
        const output = await tracer.stop();
        assert.match(output, new RegExp(`^@entries: ${CALLS}$`, 'm'));
        assert.match(output, new RegExp(`^@returns: ${CALLS}$`, 'm'));
        assert.ok((await program.call('work', false)) > 0, 'it worked all the while');
      }
      assert.deepEqual(await state(program, scene.current), before);
    });
  }

  const ways = { 'in the source': {}, 'by name': live('inWorker', 'knockedInWorker') };
  for (const [way, environment] of Object.entries(ways)) {
    it(`counts what workers call, the one that was there before the tracer and the one that comes after it: ${way}`, async () => {
      const program = await start(scene.current, environment);
      const before = await program.call('startWorker');
      const tracer = bpftrace(
        scene.current,
        `${usdt('function__entry')} /str(arg1) == "inWorker"/ { @entries[tid] = count(); }
         ${usdt('function__return')} /str(arg1) == "inWorker"/ { @returns[tid] = count(); }
         ${usdt('function__entry')} /str(arg1) == "knockedInWorker"/ { printf("knock of %d.\\n", tid); }`,
      );
      const knock = (worker: number) => program.call('callInWorker', worker, 0);
      const [, first] = await heard(tracer, () => knock(before), /^knock of (\d+)\.$/m);
      const after = await program.call('startWorker');
      const [, second] = await heard(
        tracer,
        () => knock(after),
        new RegExp(`^knock of (?!${first}\\.)(\\d+)\\.$`, 'm'),
      );
      assert.deepEqual(
        [await program.call('callInWorker', before, CALLS), await program.call('callInWorker', after, 2 * CALLS)],
        [CALLS, 2 * CALLS],
      );
      const output = await tracer.stop();
      const counted = (what: string) =>
        Object.fromEntries(
          [...output.matchAll(new RegExp(`^@${what}\\[(\\d+)\\]: (\\d+)$`, 'gm'))].map(([, tid, count]) => [
            tid,
            Number(count),
          ]),
        );
      const expected = { [first!]: CALLS, [second!]: 2 * CALLS };
      assert.deepEqual(counted('entries'), expected, output);
      assert.deepEqual(counted('returns'), expected, output);
    });
  }

  it('watches functions by name while a tracer is there, and lets go of them', async () => {
    const program = await start(scene.current, live('counted', 'functions-program.ts:knocked'));
    const before = await state(program, scene.current);
    for (let round = 0; round < ROUNDS; round++) {
      await program.call('work', true);
      const tracer = bpftrace(
        scene.current,
        `${usdt('function__entry')} /str(arg1) == "counted"/ { @entries = count(); }
         ${usdt('function__return')} /str(arg1) == "counted"/ { @returns = count(); @threw = sum(arg4); @ns = sum(arg3); }
         ${usdt('function__entry')} /str(arg1) == "knocked"/ { printf("knocked\\n"); }
         ${usdt('function__watch')} { printf("watch %s %d %s.\\n", str(arg0), arg1, str(arg2)); }`,
      );
      await tracer.shows(/^watch counted 1 \.$/m);
      await tracer.hears(() => program.call('knock'), /^knocked/m);
      assert.equal(await program.call('count', CALLS), (CALLS * (CALLS - 1)) / 2);
      const { state, functions, dropped } = (await program.call('status'))!.live;
      assert.deepEqual(
        [state, functions.map(({ name }) => name).sort(), dropped],
        ['watching', ['counted', 'knocked'], []],
      );
      const output = await tracer.stop();
      for (const counted of ['@entries', '@returns']) assert.match(output, new RegExp(`^${counted}: ${CALLS}$`, 'm'));
      assert.match(output, /^@threw: 0$/m);
      assert.ok((await program.call('work', false)) > 0, 'it worked all the while');
      await until(async () => (await program.call('status'))!.live.state === 'idle');
    }
    assert.deepEqual(await state(program, scene.current), before);
  });

  it('lets go of a function that takes more of a core than it may, and says so', async () => {
    const program = await start(scene.current, { ...live('noise', 'counted'), SONDE_LIVE_SHARE: '0.02' });
    const tracer = bpftrace(
      scene.current,
      `${usdt('function__entry')} /str(arg1) == "counted"/ { @entries = count(); }
       ${usdt('function__watch')} { printf("watch %s %d %s.\\n", str(arg0), arg1, str(arg2)); }
       ${usdt('function__dropped')} { printf("dropped %s %s %d %d.\\n", str(arg0), str(arg1), arg3, arg4); }`,
    );
    await tracer.shows(/^watch noise 1 \.$/m);
    await program.call('work', true);
    const [, hits, percent] = await tracer.shows(/^dropped \S+functions-program.ts noise (\d+) (\d+)\.$/m);
    assert.ok(Number(hits) > 20 && Number(percent) >= 2, `${hits} hits, ${percent} %`);
    const { dropped, functions } = (await program.call('status'))!.live;
    assert.deepEqual([dropped.map(({ name }) => name), functions.map(({ name }) => name)], [['noise'], ['counted']]);
    // What is not called as often goes on.
    await program.call('count', 20);
    assert.match(await tracer.stop(), /^@entries: 20$/m);
  });

  it('watches what somebody asks for from outside as long as the tracer is there, and in workers too', async () => {
    const program = await start(scene.current, { SONDE_FUNCTIONS: 'off' });
    const worker = await program.call('startWorker');
    await program.call('ask', ['counted', 'inWorker']);
    assert.deepEqual((await program.call('status'))!.live.state, 'idle');
    const tracer = bpftrace(
      scene.current,
      `${usdt('function__return')} { @[str(arg1)] = count(); }
       ${usdt('function__watch')} { printf("watch %s %d %s.\\n", str(arg0), arg1, str(arg2)); }`,
    );
    await tracer.shows(/^watch counted 1 \.$/m);
    await tracer.shows(/^watch inWorker 1 \.$/m);
    await program.call('count', 20);
    await program.call('callInWorker', worker, 30);
    const output = await tracer.stop();
    for (const counted of ['counted]: 20', 'inWorker]: 30']) assert.ok(output.includes(`@[${counted}`), output);
    await until(async () => (await program.call('status'))!.live.names.length === 0);
  });

  it('watches what the program asks for, until it asks no more', async () => {
    const program = await start(scene.current, { SONDE_FUNCTIONS: 'off' });
    const tracer = bpftrace(
      scene.current,
      `${usdt('function__return')} { @[str(arg1)] = count(); }
       ${usdt('function__watch')} { printf("watch %s %d %s.\\n", str(arg0), arg1, str(arg2)); }`,
    );
    await program.call('watch', ['counted']);
    await tracer.shows(/^watch counted 1 \.$/m);
    await program.call('count', 20);
    await program.call('stopWatching');
    assert.equal((await program.call('status'))!.live.functions.length, 0);
    await program.call('count', 20);
    assert.match(await tracer.stop(), /^@\[counted\]: 20$/m);
  });

  it('lets go where a debugger can come, and it is told nothing of ours; and watches again once it is gone', async () => {
    const program = await start(scene.current, live('counted'));
    const tracer = bpftrace(
      scene.current,
      `${usdt('function__return')} { @[str(arg1)] = count(); }
       ${usdt('function__watch')} { printf("watch %s %d %s.\\n", str(arg0), arg1, str(arg2)); }
       ${usdt('exception__thrown')} { @thrown = count(); }`,
    );
    await tracer.shows(/^watch counted 1 \.$/m);
    const url = await program.call('openInspector');
    await tracer.shows(/^watch counted 0 a debugger can come by ws:/m);
    const connected = await Debugger.connect(url);
    connected.send('Debugger.enable');
    await program.call('count', 20);
    const { state, reason } = (await program.call('status'))!.live;
    assert.deepEqual([state, /^a debugger can come by ws:/.test(reason!)], ['refused', true]);
    await until(async () => connected.events.includes('Debugger.scriptParsed'));
    assert.ok(!connected.events.includes('Debugger.paused'));
    connected.close();
    await program.call('closeInspector');
    await until(async () => (await program.call('status'))!.live.state === 'watching');
    await program.call('count', 30);
    assert.match(await tracer.stop(), /^@\[counted\]: 30$/m);
  });

  const usdt = (probe: string) => `usdt:${join(scene.current.objects, 'node.so')}:node:${probe}`;
});

/** What must be as it was. */
async function state(program: CalledProgram<Commands>, scene: Scene): Promise<unknown> {
  await setTimeout(200);
  const { pid } = program as unknown as { pid: number };
  return {
    text: await program.call('text'),
    handles: await program.call('handles'),
    inspected: await program.call('inspected'),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    files: readdirSync(scene.objects).filter((name) => name.endsWith('.so')),
  };
}

/** What a tracer shows once it hears a knock. */
async function heard(tracer: Tracer, knock: () => Promise<unknown>, pattern: RegExp): Promise<RegExpExecArray> {
  await tracer.hears(knock, pattern);
  return tracer.shows(pattern);
}

async function start(scene: Scene, environment: Record<string, string>): Promise<CalledProgram<Commands>> {
  const program = new CalledProgram<Commands>(
    PROGRAM,
    { SONDE_DIR: scene.objects, SONDE_FUNCTIONS: 'on', ...environment },
    { execArgv: ['--import', REGISTER] },
  );
  scene.defer(() => program.kill());
  await program.call('knock');
  return program;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('it took more than 20 s');
    await setTimeout(50);
  }
}
