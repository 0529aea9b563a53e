import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { needs } from '@sonde/example-mailserver/testing';
import { Asking } from './asking.js';
import { MISS } from './misses.js';
import { Clients, ServerProcess } from './server-process.js';

const QUESTIONS = fileURLToPath(new URL('./questions.js', import.meta.url));

interface Calls {
  function: string;
  entered: number;
  returned: number;
  threw: number;
}

interface Stacks {
  count: number;
  stacks: { frames: { name: string; file?: string }[] }[];
}

describe('example unprepared', function () {
  this.timeout(90_000);

  for (const format of ['module', 'commonjs'] as const) {
    it(`is seen from outside as it counts itself, and does the same meanwhile (${format})`, async function () {
      needs(this, 'perf', { root: true });
      const server = await ServerProcess.start(format, ['--inspect-port=0']);
      try {
        const clients = new Clients(server.port);
        const target = String(server.pid);
        clients.start(2);
        await sleep(500);
        await clients.stop();

        const names = ['receive', 'transaction', 'reconnect', 'Store.find'];
        const calls = new Asking(['functions', target, ...names, '--json']);
        await calls.says(/Ctrl-C ends it/);
        const misses = new Asking(['flame', target, '--on', MISS, '--duration', '1min', '--json']);
        await misses.says(/Ctrl-C ends it/);
        for (const name of names) await calls.says(new RegExp(`${name} is 1 function`));
        const before = await server.counts();
        clients.start(3);
        while ((await server.counts()).reconnections < before.reconnections + 2) await sleep(100);
        await clients.stop();
        const after = await server.counts();

        const seen = Object.fromEntries(
          (lastOf((await calls.interrupt()).output) as { functions: Calls[] }).functions.map((each) => [
            each.function,
            [each.entered, each.returned, each.threw],
          ]),
        );
        const [mails, transactions, reconnections] = [
          after.mails - before.mails,
          after.transactions - before.transactions,
          after.reconnections - before.reconnections,
        ];
        const { 'Store.find': find, ...others } = seen;
        assert.deepEqual(others, {
          'MailServer.receive': [mails, mails, 0],
          'Connection.transaction': [transactions, transactions, 0],
          'Connection.reconnect': [reconnections, reconnections, 0],
        });
        // What was asked for again has been done twice, in the thread of the database.
        assert.ok(find![0]! >= transactions && find![0]! <= transactions + reconnections, `${find} of ${transactions}`);

        const { count, stacks } = lastOf((await misses.interrupt()).output) as Stacks;
        assert.ok(count > 0);
        const ways = stacks.filter(({ frames }) => frames.some(({ name }) => /^leveldb::ReadBlock/.test(name)));
        assert.ok(
          ways.some(({ frames }) =>
            frames.some((frame) => /^deliver .*src\/database\.ts:\d+/.test(`${frame.name} ${frame.file ?? ''}`)),
          ),
          JSON.stringify(stacks.slice(0, 3)),
        );

        const detached = await new Asking(['detach', target]).answer();
        assert.match(detached.output, /has no @sonde\/node any more, and a worker thread of it/);
        assert.deepEqual(await server.listens(), [server.port]);
        clients.start(2);
        await sleep(300);
        await clients.stop();
        const counts = await server.counts();
        await server.end();
        assert.ok((await server.copies(counts)) > mails);
      } finally {
        await server.remove();
      }
    });
  }

  it('says what is missing', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [QUESTIONS], {
      env: { ...process.env, PATH: '/nonexistent' },
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^(this is|this user is not root|neither perf nor bpftrace is installed)/);
  });
});

function lastOf(output: string): unknown {
  return JSON.parse(output.slice(output.lastIndexOf('\n') + 1));
}
