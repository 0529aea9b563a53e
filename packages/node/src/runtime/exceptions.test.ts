import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import inspector, { type Session } from 'node:inspector';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type Provider, provider } from 'sonde';
import { record } from 'sonde/testing';
import { exceptionProbes } from '../probes.js';
import { watchExceptions, whyNoExceptions } from './exceptions.js';

describe('watchExceptions', () => {
  let node: Provider<typeof exceptionProbes>;
  let recorder = record();
  recorder.stop();
  const sessions: Session[] = [];
  const workers: Worker[] = [];

  /** A tracer comes, and it is seen. */
  const attach = async () => {
    recorder = record();
    await seen();
  };
  const seen = () => setTimeout(120);
  const isHeard = () => {
    const before = recorder.fired.length;
    throwAndCatch();
    return recorder.fired.length > before;
  };
  /** A session of the program's; how often it was stopped since it has the debugger. */
  const debug = () => {
    const session = new inspector.Session();
    sessions.push(session);
    session.connect();
    let stops = 0;
    session.on('Debugger.paused', () => stops++);
    session.post('Debugger.enable');
    return () => stops;
  };
  /** A worker thread that has a session of this one's inspector, as some packages do. */
  const workerWithSession = async () => {
    const worker = new Worker(
      `const { Session } = require('node:inspector');
       new Session().connectToMainThread();
       require('node:worker_threads').parentPort.postMessage('connected');
       setInterval(() => {}, 1000);`,
      { eval: true, execArgv: [] },
    );
    workers.push(worker);
    await new Promise((resolve) => worker.once('message', resolve));
    // Until this thread knows of it.
    await setTimeout(50);
  };

  before(() => {
    node = provider('errors', exceptionProbes);
    watchExceptions(node);
  });
  after(() => node.unload());
  afterEach(async () => {
    recorder.stop();
    inspector.close();
    for (const session of sessions.splice(0)) session.disconnect();
    for (const worker of workers.splice(0)) await worker.terminate();
    await seen();
    assert.equal(whyNoExceptions(), undefined);
  });

  it('tells of what is thrown and caught', async () => {
    await attach();
    throwAndCatch();
    const [thrown] = recorder.of('errors', 'exception__thrown');
    assert.deepEqual(
      [thrown!.values.message, thrown!.values.function, thrown!.values.uncaught],
      ['Error: caught', 'throwAndCatch', false],
    );
    assert.match(String(thrown!.values.file), /exceptions\.test\.[jt]s$/);
  });

  it('is inactive where a debugger may come, until a tracer attaches anew', async () => {
    inspector.open(0, '127.0.0.1');
    assert.match(whyNoExceptions()!, /^a debugger can come by ws:.*: close it/);
    await attach();
    assert.ok(!isHeard());
    inspector.close();
    assert.match(whyNoExceptions()!, /attach again$/);
    recorder.stop();
    await seen();
    assert.equal(whyNoExceptions(), undefined);
    await attach();
    assert.ok(isHeard());
  });

  it('lets go at once when the inspector is opened', async () => {
    await attach();
    assert.ok(isHeard());
    inspector.open(0, '127.0.0.1');
    assert.ok(!isHeard());
    assert.match(whyNoExceptions()!, /^a debugger can come by ws:/);
  });

  it('lets go at once when the program has a session, which is stopped at nothing', async () => {
    await attach();
    assert.ok(isHeard());
    const stops = debug();
    assert.ok(!isHeard());
    assert.equal(stops(), 0);
    assert.match(whyNoExceptions()!, /^the program has a session of the inspector: disconnect it/);
  });

  it('is inactive where the program has a session, which is stopped at nothing', async () => {
    const stops = debug();
    await attach();
    assert.ok(!isHeard());
    assert.equal(stops(), 0);
    assert.match(whyNoExceptions()!, /^the program, or a worker thread of it, has a session of the inspector/);
  });

  it('is inactive where a worker thread has a session: else this thread would stand', async () => {
    await workerWithSession();
    await attach();
    assert.ok(!isHeard());
    assert.match(whyNoExceptions()!, /has a session of the inspector/);
  });

  it('lets go when a worker thread is started, which could have one', async () => {
    await attach();
    await workerWithSession();
    assert.ok(!isHeard());
    assert.match(whyNoExceptions()!, /^a worker thread was started/);
  });

  it('keeps nothing of what eval() and new Function() made, nor of scripts that are gone', () => {
    const program = `
      const vm = require('node:vm');
      const { provider } = require('sonde');
      const { record } = require('sonde/testing');
      const { exceptionProbes } = require(${JSON.stringify(new URL('../probes.js', import.meta.url).pathname)});
      const { watchExceptions, whyNoExceptions } = require(${JSON.stringify(new URL('exceptions.js', import.meta.url).pathname)});
      const recorder = record();
      watchExceptions(provider('errors', exceptionProbes));
      const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
      const used = async () => {
        for (let i = 0; i < 4; i++) {
          gc();
          await turn();
        }
        const { heapUsed, rss } = process.memoryUsage();
        return [heapUsed, rss];
      };
      const padding = '/*' + 'x'.repeat(50_000) + '*/';
      const work = async (times) => {
        for (let i = 0; i < times; i++) {
          new Function('return ' + i)();
          if (i % 4 === 0) new vm.Script(padding + i, { filename: '/made/' + i + '.js' }).runInThisContext();
          if (i % 100 === 0) await turn();
        }
      };
      (async () => {
        const rounds = [];
        for (let i = 0; i < 6; i++) {
          await work(3_000);
          rounds.push(await used());
        }
        try {
          throw new Error('still heard');
        } catch {}
        const heard = recorder.of('errors', 'exception__thrown').some(({ values }) => values.message === 'Error: still heard' && values.file === '[eval]');
        console.log(JSON.stringify({ reason: whyNoExceptions(), heard, rounds }));
        process.exit();
      })();`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', program], {
      cwd: new URL('.', import.meta.url),
      timeout: 60_000,
      encoding: 'utf8',
    });
    assert.notEqual(stdout, '', stderr);
    const { heard, rounds, reason } = JSON.parse(stdout);
    assert.deepEqual([heard, reason], [true, undefined]);
    // Of 3,000 scripts in each round, 750 of them of 50 kB, of which V8 keeps some until it
    // collects garbage.
    const heap = rounds.at(-1)[0] - rounds[0][0];
    assert.ok(heap < 600_000, `${heap} bytes of the heap: ${stdout}`);
    const memory = rounds.slice(1).map((round: number[], before: number) => round[1]! - rounds[before][1]);
    assert.ok(Math.min(...memory) < 30e6, `bytes of memory: ${memory.join()}`);
  }).timeout(90_000);
});

function throwAndCatch(): void {
  try {
    throw new Error('caught');
  } catch {
    // As programs do.
  }
}
