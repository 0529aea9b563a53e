import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gunzipSync } from 'node:zlib';
import { ClassicLevel } from 'classic-level';
import { ended, isEmpty, outcome, start, temporaryFolder } from './testing.js';

describe('example mailserver: server and client', () => {
  it('speaks SMTP with anyone, and has the mail in its database', async () => {
    await withServer(async ({ port, store, stop }) => {
      const answers = await dialogue(port, [
        'EHLO tester',
        'MAIL FROM:<me@example.com>',
        'RCPT TO:<you@example.org>',
        'RCPT TO:<vault@archive.example>',
        'DATA',
        'Subject: by hand\r\n\r\nHello.\r\n.',
        'QUIT',
      ]);
      assert.deepEqual(
        answers.map((answer) => answer.slice(0, 3)),
        ['220', '250', '250', '250', '250', '354', '250', '221'],
      );
      await stop();
      const mails = await mailboxes(store);
      assert.deepEqual([...mails.keys()].sort(), ['vault@archive.example', 'you@example.org']);
      const mail = 'Subject: by hand\r\n\r\nHello.';
      assert.match(
        mails.get('you@example.org')![0]!.toString(),
        new RegExp(`^Delivered-To: you@example.org\r\n${mail}`),
      );
      assert.match(gunzipSync(mails.get('vault@archive.example')![0]!).toString(), new RegExp(mail));
    });
  });

  it('takes what the client sends', async () => {
    await withServer(async ({ port, store, stop }) => {
      const client = start(
        'client.js',
        [`--port=${port}`, '--sessions=2', '--mails=6', '--pause=0'],
        temporaryFolder(),
      );
      const { status, stdout, stderr } = await outcome(client);
      assert.equal(status, 0, stderr);
      assert.equal(stdout, 'sent 2 sessions\n');
      await stop();
      const mails = await mailboxes(store);
      const domains = new Set([...mails.keys()].map((recipient) => recipient.split('@')[1]));
      assert.deepEqual([...domains].sort(), ['archive.example', 'bank.example', 'example.org']);
      // 4 mails and then 5, to 1, 2, 3, 1, … recipients.
      assert.equal([...mails.values()].flat().length, 18);
    });
  });

  it('refuses a mail that is too large, and goes on', async () => {
    await withServer(async ({ port }) => {
      const start = ['EHLO tester', 'MAIL FROM:<me@example.com>', 'RCPT TO:<you@example.org>', 'DATA'];
      const large = `${'x'.repeat(76)}\r\n`.repeat(140_000);
      assert.match((await dialogue(port, [...start, `${large}.`])).at(-1)!, /^552 /);
      assert.match((await dialogue(port, [...start, 'small\r\n.'])).at(-1)!, /^250 /);
    });
  });

  it('says where it is, where its probes are, and removes its temporary database', async () => {
    const temporary = temporaryFolder();
    const server = start('server.js', ['--port=0'], temporary);
    const lines = createInterface(server.stdout)[Symbol.asyncIterator]();
    assert.match((await lines.next()).value, /^mail server: process \d+, smtp:\/\/127\.0\.0\.1:\d+, database in /);
    assert.match((await lines.next()).value, process.platform === 'linux' ? /^probes: \/.*\.so$/ : /^probes: none/);
    server.kill('SIGTERM');
    await ended(server);
    assert.equal(server.exitCode, 0);
    assert(isEmpty(temporary));
  });

  const wrong: [string, string[], RegExp][] = [
    ['server.js', ['--port=x'], /^--port is "x"; give a whole number from 0 to 65535\n/],
    ['server.js', ['--port=65536'], /^--port is "65536"/],
    ['server.js', ['--verbose'], /^Unknown option '--verbose'/],
    ['client.js', ['--sessions=0'], /^--sessions is "0"/],
    ['client.js', ['mail'], /^Unexpected argument 'mail'/],
    ['demo.js', ['--tracer=strace'], /^--tracer is "strace"; give bpftrace, gdb, recorder, or leave it out\n/],
    ['demo.js', ['--tracer'], /^Option '--tracer <value>' argument missing/],
  ];
  for (const [program, parameters, message] of wrong) {
    it(`${program} ${parameters.join(' ')}: an error, the help, status 2`, async () => {
      const { status, stdout, stderr } = await outcome(start(program, parameters, temporaryFolder()));
      assert.equal(status, 2);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.match(stderr, /\n {2}--help {2,}this text\n/);
    });
  }

  it('says why it cannot start', async () => {
    await withServer(async ({ port }) => {
      const temporary = temporaryFolder();
      const { status, stderr } = await outcome(start('server.js', [`--port=${port}`], temporary));
      assert.equal(status, 1);
      assert.match(stderr, /^the server cannot start: listen EADDRINUSE/);
      assert(isEmpty(temporary));
    });
  });
});

interface Running {
  port: number;
  store: string;
  stop(): Promise<void>;
}

async function withServer(use: (server: Running) => Promise<void>): Promise<void> {
  const store = join(temporaryFolder(), 'store');
  const child = start('server.js', ['--port=0', `--store=${store}`], temporaryFolder());
  const stop = async () => {
    child.kill('SIGTERM');
    await ended(child);
  };
  try {
    const [line] = await once(createInterface(child.stdout), 'line');
    await use({ port: Number(/127\.0\.0\.1:(\d+)/.exec(line)![1]), store, stop });
  } finally {
    await stop();
  }
}

/**
 * Sends each of the lines when the one before was answered; returns the last lines of the answers.
 */
async function dialogue(port: number, lines: string[]): Promise<string[]> {
  const socket = connect(port, '127.0.0.1');
  const answers: string[] = [];
  try {
    for await (const line of createInterface(socket)) {
      // "250-" is followed by more of the same answer.
      if (line[3] === '-') continue;
      answers.push(line);
      const next = lines[answers.length - 1];
      if (next === undefined) break;
      socket.write(`${next}\r\n`);
    }
  } finally {
    socket.destroy();
  }
  return answers;
}

/** The mails in a database that nobody has open, by recipient. */
async function mailboxes(store: string): Promise<Map<string, Buffer[]>> {
  const database = new ClassicLevel<string, Buffer>(store, { valueEncoding: 'buffer', createIfMissing: false });
  const mails = new Map<string, Buffer[]>();
  for await (const [key, mail] of database.iterator()) {
    const [recipient] = key.split('/') as [string];
    mails.set(recipient, [...(mails.get(recipient) ?? []), mail]);
  }
  await database.close();
  return mails;
}
