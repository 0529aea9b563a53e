// `sonde attach` and `sonde detach`: programs that nobody prepared, while they run.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { COMMAND, type Ran, startSonde } from '../support/command.js';
import { PlainServer, startText } from '../support/plain-program.js';
import { useScene } from '../support/scene.js';
import { asUser, needsOtherUser, needsRoot, needsTools, OTHER_USER } from '../support/tools.js';

/** Programs of tests that run at the same time must not have the same port. */
const ANY_PORT = ['--inspect-port=0'];

describe('sonde attach', function () {
  this.timeout(60_000);
  const scene = useScene();
  before(function () {
    needsRoot(this);
  });

  for (const kind of ['ESM', 'CommonJS'] as const) {
    it(`gives a server under load its probes, and sonde detach takes them away (${kind})`, async () => {
      const server = await PlainServer.start(scene.current, kind);
      await server.get('/work?1');
      const [before, ports] = [await server.get('/state'), server.listening()];
      const load = server.load();
      await sleep(200);
      assertDone(
        await sonde('attach', String(server.pid)),
        /has @sonde\/node \S+ now; .*; its inspector was open at 127\.0\.0\.1:9229 for \d+ ms\n$/,
      );
      assert.deepEqual(server.listening(), ports);
      const counting = startSonde(scene.current, [
        'count',
        'node:gc-done',
        'node:http-server-re*',
        '-p',
        String(server.pid),
        '--json',
      ]);
      await counting.shows(/^sonde: counting 3 /m);
      await sleep(700);
      const { groups } = JSON.parse((await counting.stop()).split('\n').find((line) => line.startsWith('{'))!);
      const counted = new Map(groups.map(({ probe, count }: { probe: string; count: number }) => [probe, count]));
      for (const probe of ['gc__done', 'http__server__request', 'http__server__response'])
        assert.ok(counted.get(probe), probe);
      assertDone(await sonde('detach', String(server.pid)), /has no @sonde\/node any more/);
      const { count, wrong, longestMs } = await load.end();
      assert.ok(count > 100);
      assert.equal(wrong, 0);
      // The machine may be busy; by itself it is some 50 ms.
      assert.ok(longestMs < 1000, `${longestMs} ms`);
      assert.deepEqual(JSON.parse(await server.get('/state')), JSON.parse(before));
      assert.deepEqual(server.listening(), ports);
      await assertRefused(9229, server.pid);
    });
  }

  it('is done once, by --attach too, and again after sonde detach', async () => {
    const server = await PlainServer.start(scene.current, 'CommonJS', ANY_PORT);
    const pid = String(server.pid);
    const count = async () => (await sonde('count', 'node:gc-done', '-p', pid, '--attach', '-d', '100ms')).stderr;
    const attached =
      /^sonde: process \d+ has @sonde\/node now; sonde detach \d+ takes it away\nsonde: counting 1 probe/;
    assert.match(await count(), attached);
    assert.match(await count(), /^sonde: counting 1 probe/);
    assert.equal(server.output.match(/Debugger listening/g)?.length, 1);
    assertDone(await sonde('attach', pid), /has @sonde\/node \S+ already, which sonde detach \d+ takes away\n$/);
    assertDone(await sonde('detach', pid), /has no @sonde\/node any more; the addon stays in its memory/);
    assertDone(await sonde('detach', pid), /has nothing that sonde attach loaded\n$/);
    assert.match(await count(), attached);
    const { stderr, status } = await sonde('count', 'node:gc-done', '--attach');
    assert.equal(status, 2);
    assert.match(stderr, /--attach needs to know to which processes; give a target/);
  });

  it('reaches worker threads, those that started later when it is done again, and none that has only begun', async () => {
    const program = await startText(
      scene.current,
      `const { Worker } = require('node:worker_threads');
       const worker = "const { parentPort, threadId } = require('node:worker_threads'); parentPort.on('message', () => parentPort.postMessage([threadId, Symbol.for('sonde.node.1') in globalThis]));";
       const short = () => new Worker('', { eval: true }).once('exit', (code) => code === 0 && setTimeout(short, 5));
       short();
       const all = [0, 1].map(() => new Worker(worker, { eval: true }));
       setTimeout(() => all.push(new Worker(worker, { eval: true })), 2000);
       setInterval(() => {
         const seen = all.map((each) => new Promise((resolve) => { each.once('message', ([, has]) => resolve(has)); each.postMessage(0); }));
         Promise.all(seen).then((has) => console.log('has ' + has.join()));
       }, 100);`,
      ANY_PORT,
    );
    const shows = async (pattern: RegExp) => {
      await until(() => pattern.test(program.output) || !program.isAlive);
      assert.match(program.output, pattern);
    };
    assertDone(await sonde('attach', String(program.pid)), /has @sonde\/node \S+ now, and /);
    await shows(/has true,true\b/);
    await shows(/has true,true,false\n/);
    assertDone(
      await sonde('attach', String(program.pid)),
      /has @sonde\/node \S+ already, .* and \d+ worker threads of it/,
    );
    await shows(/has true,true,true\n/);
    assertDone(await sonde('detach', String(program.pid)), /has no @sonde\/node any more, and /);
    await shows(/has false,false,false\n/);
  });

  // At the same time, since each of them waits.
  it('leaves no inspector open: killed at any moment, and where the program is busy', async () => {
    await Promise.all([killed(1), killed(2), killed(3), killed(4), busy(), blocked()]);

    async function killed(id: number): Promise<void> {
      // 20 in all; by hand, more of them.
      const kills = Number(process.env.SONDE_KILLS ?? 5);
      const server = await PlainServer.start(scene.current, 'CommonJS', ANY_PORT);
      const ports = server.listening();
      for (let i = 0; i < kills; i++) {
        const args = [COMMAND, i % 2 ? 'detach' : 'attach', String(server.pid)];
        const command = spawn(process.execPath, args, { stdio: 'ignore' });
        const ended = once(command, 'exit');
        await sleep(250 + 1000 * Math.random());
        command.kill('SIGKILL');
        await ended;
      }
      // What was begun goes to its end.
      await sleep(500);
      await until(() => server.listening().length === ports.length);
      assert.deepEqual(server.listening(), ports, `server ${id}`);
      await server.get('/work?1');
    }
    async function busy(): Promise<void> {
      const looping = 'setTimeout(() => { for (const end = Date.now() + 30_000; Date.now() < end; ); }, 500);';
      const program = await startText(scene.current, looping, ANY_PORT);
      await sleep(500);
      const { stderr } = await sonde('attach', String(program.pid));
      assert.match(stderr, /its main thread was busy all the time, so nothing was done; try again/);
      assert.deepEqual(program.listening(), []);
    }

    async function blocked(): Promise<void> {
      const go = join(scene.current.folder, 'go');
      const command = `until [ -e ${go} ]; do sleep 0.1; done`;
      const waiting = `setTimeout(() => require('node:child_process').execSync(${JSON.stringify(command)}), 300);`;
      const program = await startText(scene.current, waiting, ANY_PORT);
      await sleep(500);
      assert.match((await sonde('attach', String(program.pid))).stderr, /its inspector did not open/);
      writeFileSync(go, '');
      await until(() => /Debugger listening/.test(program.output));
      assert.match(program.output, /Debugger listening/);
      await until(() => program.listening().length === 0);
      assert.deepEqual(program.listening(), []);
    }
  });

  describe('says why it does not', () => {
    const refusals: { what: string; options?: string[]; source?: string; reason: RegExp }[] = [
      {
        what: 'listens to SIGUSR1 itself',
        source: "process.on('SIGUSR1', () => console.log('mine'));",
        reason:
          /the program listens to SIGUSR1 itself, so the signal does not open the inspector; start it with --import @sonde\/node\/register/,
      },
      {
        what: 'would have its inspector open for others',
        options: ['--inspect-port=0.0.0.0:0'],
        reason: /its inspector would open at 0\.0\.0\.0, where others than this machine may connect/,
      },
      { what: 'may have no addons', options: ['--no-addons'], reason: /Node\.js was started with --no-addons/ },
      {
        what: 'has the permission model',
        options: [
          process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission',
          '--allow-fs-read=*',
          '--allow-addons',
        ],
        reason: /its permission model forbids the inspector/,
      },
    ];
    if (process.allowedNodeEnvironmentFlags.has('--disable-sigusr1')) {
      refusals.push({
        what: 'does not take the signal',
        options: ['--disable-sigusr1'],
        reason: /it was started with --disable-sigusr1/,
      });
    }
    for (const { what, options = [], source = '', reason } of refusals) {
      it(`to a program that ${what}`, async () => {
        const program = await startText(scene.current, source, [...ANY_PORT, ...options]);
        await sleep(300);
        const { status, stderr } = await sonde('attach', String(program.pid));
        assert.match(stderr, reason);
        assert.equal(status, 1);
        assert.ok(program.isAlive);
        assert.deepEqual(program.listening(), []);
        assert.doesNotMatch(program.output, /mine/);
      });
    }

    it('to what is not Node.js, and would die of the signal', async () => {
      const sleeping = scene.current.tracer('sleep', ['60']);
      const { status, stderr } = await sonde('attach', String(sleeping.pid));
      assert.match(stderr, /^sonde: process \d+: it is not a Node\.js process; give one that is\n$/);
      assert.equal(status, 3);
      assert.ok(existsSync(`/proc/${sleeping.pid}`));
    });

    it('to a process of another user', async function () {
      needsOtherUser(this);
      const server = await PlainServer.start(scene.current, 'ESM', ANY_PORT);
      const command = startSonde(scene.current, ['attach', String(server.pid)], asUser(OTHER_USER));
      await command.end();
      assert.match(command.output, /it is a process of user 0, and this is user 1000; run sonde as root, or as user 0/);
    });

    it('to one whose port another process has', async () => {
      const first = await startText(scene.current, "require('node:net').createServer().listen(0, '127.0.0.1');");
      await until(() => first.listening().length > 0);
      const [port] = first.listening();
      const server = await PlainServer.start(scene.current, 'ESM', [`--inspect-port=${port}`]);
      const { stderr } = await sonde('attach', String(server.pid));
      assert.match(stderr, new RegExp(`needs port ${port}, which process ${first.pid} listens on`));
    });
  });

  it('uses an inspector that is open, which stays so, but not beside a debugger', async () => {
    const port = await freePort();
    const server = await PlainServer.start(scene.current, 'ESM', [`--inspect=${port}`]);
    const ports = server.listening();
    assert.ok(ports.includes(port));
    const debugging = connect(port, '127.0.0.1');
    await once(debugging, 'connect');
    const { stderr } = await sonde('attach', String(server.pid));
    assert.match(stderr, /a debugger is connected to its inspector \(port \d+\); disconnect it first/);
    debugging.destroy();
    await once(debugging, 'close');
    assertDone(await sonde('attach', String(server.pid)), /its inspector was open at \S+ before, and stays open\n$/);
    assertDone(await sonde('detach', String(server.pid)), /its inspector was open at \S+ before, and stays open\n$/);
    assert.deepEqual(server.listening(), ports);
  });

  it('puts its files into the file system of a program that does not see them, until sonde detach', async function () {
    needsTools(this, 'unshare', 'nsenter');
    const hidden = `ip link set lo up && mount -t tmpfs none ${new URL('../../..', import.meta.url).pathname} && exec "$@"`;
    const through = ['unshare', '-mn', 'sh', '-c', hidden, 'sh'];
    const server = await PlainServer.start(scene.current, 'CommonJS', [], through);
    const copies = () => readdirSync('/tmp').filter((name) => name.startsWith('sonde-attach-'));
    const before = copies();
    assertDone(await sonde('attach', String(server.pid)), /has @sonde\/node \S+ now/);
    const [copy, ...more] = copies().filter((name) => !before.includes(name));
    assert.deepEqual(more, []);
    assert.match(
      readFileSync(`/proc/${server.pid}/maps`, 'latin1'),
      new RegExp(`/tmp/${copy}/node_modules/@sonde/native/`),
    );
    const { stdout } = await sonde('count', 'node:gc-done', '-p', String(server.pid), '-d', '100ms', '--json');
    assert.match(stdout, /"total":true/);
    assertDone(await sonde('detach', String(server.pid)), /has no @sonde\/node any more/);
    assert.ok(!copies().includes(copy!));
  });
});

/** While this process goes on, which asks the program and reads what it writes. */
async function sonde(...args: string[]): Promise<Ran> {
  const command = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [status]] = await Promise.all([
    text(command.stdout),
    text(command.stderr),
    once(command, 'close'),
  ]);
  return { status, stdout, stderr };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function until(isDone: () => boolean, patienceMs = 10_000): Promise<void> {
  for (const end = performance.now() + patienceMs; !isDone() && performance.now() < end; ) await sleep(20);
}

function assertDone({ status, stdout, stderr }: Ran, text: RegExp): void {
  assert.equal(status, 0, stderr);
  assert.match(stdout, text);
}

/** By this process; where others test the same, by no other one than the program. */
async function assertRefused(port: number, pid: number): Promise<void> {
  const client = connect(port, '127.0.0.1');
  const [error] = (await Promise.race([once(client, 'error'), once(client, 'connect')])) as [NodeJS.ErrnoException?];
  client.destroy();
  if (error) assert.equal(error.code, 'ECONNREFUSED');
  else assert.ok(existsSync(`/proc/${pid}`));
}
