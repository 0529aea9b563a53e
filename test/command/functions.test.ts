// `sonde functions`: calls of functions by their names, in programs that have nothing of sonde.
import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { sonde, startSonde } from '../support/command.js';
import { type Scene, useScene } from '../support/scene.js';
import { needsRoot } from '../support/tools.js';
import type { Tracer } from '../support/tracer.js';

/** As its own file has it, it counts its calls. */
const PROGRAM = `
const counts = { deliver: 0, fetch: 0, fail: 0, hot: 0 };

class MailServer {
  deliver(mail) {
    counts.deliver++;
    return mail % 2 === 0 ? this.sum(mail) : mail;
  }

  sum(mail) {
    let sum = 0;
    for (let i = 0; i < mail; i++) sum += i;
    return sum;
  }

  async fetch(ms) {
    counts.fetch++;
    await new Promise((resolve) => setTimeout(resolve, ms));
    return ms;
  }

  fail(mail) {
    counts.fail++;
    if (mail > 2) throw new Error('refused');
    return mail;
  }
}

const hot = (n) => (n === 0 ? 0 : counts.hot++);

const server = new MailServer();
const commands = {
  async work(times) {
    const results = [];
    for (let i = 0; i < times; i++) {
      results.push(server.deliver(i), await server.fetch(5));
      try {
        results.push(server.fail(i));
      } catch (error) {
        results.push(error.message);
      }
    }
    return { results, counts };
  },

  async heat(ms) {
    const end = performance.now() + ms;
    while (performance.now() < end) {
      for (let i = 0; i < 100; i++) hot(i);
      await new Promise(setImmediate);
    }
    return counts.hot;
  },

  async worker() {
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker('setInterval(() => {}, 1000)', { eval: true });
    await new Promise((resolve) => worker.once('online', resolve));
    return 'online';
  },

  async state() {
    const { url } = await import('node:inspector');
    const live = globalThis[Symbol.for('sonde.node.1')]?.functions.status();
    return { inspector: url(), live: live && [live.state, live.names.length] };
  },
};

process.on('message', async ([command, argument]) => process.send(await commands[command](argument)));
process.send('ready');
`;

interface Calls {
  function: string;
  file: string;
  line: number;
  entered: number;
  returned: number;
  threw: number;
  totalNs: number;
}

describe('sonde functions', function () {
  this.timeout(60_000);
  const scene = useScene();
  before(function () {
    needsRoot(this);
  });

  for (const [kind, ending] of [
    ['an ES module', 'mjs'],
    ['CommonJS', 'cjs'],
  ] as const) {
    it(`counts what is called in a program of which nothing was prepared, as ${kind}`, async () => {
      const program = await start(scene.current, ending);
      const untraced = await ask(program, 'work', 6);
      const command = watch(scene.current, program, 'MailServer.*');
      await command.shows(/^sonde: MailServer\.\* is 4 functions; each call takes some [\d.]+µs longer/m);
      const before = untraced.counts;
      const { results, counts } = await ask(program, 'work', 6);
      assert.deepEqual(results, untraced.results);
      const calls = callsOf(await command.stop());
      const seen = Object.fromEntries(calls.map((each) => [each.function, [each.entered, each.returned, each.threw]]));
      assert.deepEqual(seen, {
        'MailServer.deliver': [counts.deliver - before.deliver, 6, 0],
        'MailServer.sum': [3, 3, 0],
        'MailServer.fetch': [counts.fetch - before.fetch, 6, 0],
        'MailServer.fail': [counts.fail - before.fail, 6, 3],
      });
      const fetch = calls.find((each) => each.function === 'MailServer.fetch')!;
      assert.equal(fetch.file, join(scene.current.folder, `program.${ending}`));
      assert.equal(fetch.line, 16);
      assert.ok(fetch.totalNs >= 20e6, `${fetch.totalNs} ns`);
      await rests(program);
    });
  }

  it('leaves the program as it was when it is killed', async () => {
    const program = await start(scene.current, 'mjs');
    const command = watch(scene.current, program, 'deliver');
    await command.shows(/^sonde: deliver is 1 function/m);
    command.signal('SIGKILL');
    await command.end();
    await rests(program);
  });

  it('says of each name how many functions it has, and why none', async () => {
    const program = await start(scene.current, 'mjs');
    // It has none of them, which says nothing.
    await ask(program, 'worker');
    const command = watch(scene.current, program, 'deliver', 'program.mjs:17', 'delliver');
    await command.shows(/^sonde: deliver is 1 function/m);
    await command.shows(/^sonde: program\.mjs:17 is 1 function/m);
    await command.shows(/^sonde: delliver is not watched: no function of \d+ scripts that are loaded has this name/m);
    await ask(program, 'work', 1);
    const output = await command.stop();
    const names = callsOf(output).map((each) => each.function);
    assert.deepEqual(names.sort(), ['MailServer.deliver', 'MailServer.fetch']);
    assert.equal(output.match(/is not watched/g)?.length, 1, output);
  });

  it('lets a function go that is called too often, and says so', async () => {
    const program = await start(scene.current, 'mjs');
    const command = watch(scene.current, program, 'hot', '--share', '1');
    await command.shows(/^sonde: hot is 1 function/m);
    await Promise.all([
      ask(program, 'heat', 3000),
      command.shows(/^sonde: hot \(.*program\.mjs:\d+\) was let go in process \d+: with \d+ hits, .* % of a core/m),
    ]);
    await command.stop();
    await rests(program);
  });

  it('prints what it would do', async () => {
    const program = await start(scene.current, 'mjs');
    const { status, stderr } = sonde('functions', String(program.pid), 'deliver', '--dry-run');
    assert.match(stderr, /has no probes; --attach gives/);
    assert.equal(status, 3);
    const command = watch(scene.current, program, 'deliver');
    await command.shows(/^sonde: deliver is 1 function/m);
    await command.stop();
    const { stdout } = sonde('functions', String(program.pid), 'deliver', '--dry-run');
    assert.match(stdout, /functions\.watch\(\["deliver"\], \{ share: 0\.1, lease: true \}\)/);
    assert.match(stdout, /^echo 'p:sonde\/p0 /m);
  });

  it('refuses what it cannot ask', async () => {
    const child = spawn('sleep', ['60']);
    scene.current.defer(() => void child.kill());
    const other = sonde('functions', String(child.pid), 'deliver');
    assert.notEqual(other.status, 0);
    assert.match(other.stderr, /^sonde: process \d+: .*Node\.js/m);
    const program = await start(scene.current, 'mjs');
    for (const [args, message] of [
      [['--share', '0'], /give a number above 0, and 100 at most/],
      [[''], /is no name of a function/],
    ] as const) {
      const { status, stderr } = sonde('functions', String(program.pid), 'deliver', ...args);
      assert.notEqual(status, 0);
      assert.match(stderr, message);
    }
  });
});

async function start(scene: Scene, ending: string): Promise<ChildProcess> {
  const file = join(scene.folder, `program.${ending}`);
  await writeFile(file, PROGRAM);
  const child = fork(file, {
    env: { ...process.env, SONDE_DIR: scene.objects },
    execArgv: ['--inspect-port=0'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  scene.defer(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  await once(child, 'message');
  return child;
}

// biome-ignore lint/suspicious/noExplicitAny: each command answers in its own way.
async function ask(child: ChildProcess, command: string, argument?: number): Promise<any> {
  const answer = once(child, 'message');
  child.send([command, argument]);
  return (await answer)[0];
}

function watch(scene: Scene, { pid }: ChildProcess, ...args: string[]): Tracer {
  return startSonde(scene, ['functions', String(pid), ...args, '--json']);
}

function callsOf(output: string): Calls[] {
  return JSON.parse(/^\{"total".*$/m.exec(output)![0]).functions;
}

/** No inspector, no breakpoint, and nothing that is wanted. */
async function rests(child: ChildProcess): Promise<void> {
  for (let i = 0; ; i++) {
    const state = await ask(child, 'state');
    if (state.live[0] === 'idle' && state.live[1] === 0 && state.inspector === undefined) return;
    if (i === 100) assert.deepEqual(state, { inspector: undefined, live: ['idle', 0] });
    await setTimeout(50);
  }
}
