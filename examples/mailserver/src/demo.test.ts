import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ended, isEmpty, needs, type Outcome, outcome, start, temporaryFolder } from './testing.js';

/** PATH of a machine on which nothing is installed. */
const NO_TOOLS = { PATH: '/nonexistent' };

describe('example mailserver: demo', function () {
  this.timeout(60_000);

  it('traces with bpftrace', async function () {
    needs(this, 'bpftrace', { root: true });
    const { stdout } = await demo(['--tracer=bpftrace']);
    assert.match(stdout, /^\$ bpftrace -e '$/m);
    assert.match(stdout, /^usdt:\/.*\/smtp\.so:smtp:session__done \{$/m);
  });

  it('traces with gdb', async function () {
    needs(this, 'gdb', { root: false });
    const { stdout } = await demo(['--tracer=gdb']);
    assert.match(stdout, /^\$ gdb -p \d+$/m);
  });

  it('records where there is no tracer', async () => {
    const { stdout } = await demo(['--tracer=recorder']);
    assert.match(stdout, /^import \{ record \} from 'sonde\/testing';$/m);
  });

  it('falls back with the reasons', async () => {
    const { stdout } = await demo([], NO_TOOLS);
    assert.match(stdout, /^Not traced with bpftrace: bpftrace is not installed$/m);
    assert.match(stdout, /^Not traced with gdb: gdb is not installed$/m);
    assert.match(stdout, /^Tracer: recorder$/m);
  });

  it('fails with the reason where a tracer was asked for that is not there', async () => {
    const temporary = temporaryFolder();
    const { status, stdout } = await outcome(start('demo.js', ['--tracer=gdb'], temporary, NO_TOOLS));
    assert.equal(status, 1);
    assert.match(stdout, /^Not traced with gdb: gdb is not installed\n$/m);
    assert(isEmpty(temporary));

    const untraced = await outcome(start('demo.js', ['--tracer=bpftrace'], temporary, { SONDE_BACKEND: 'noop' }));
    assert.equal(untraced.status, 1);
    assert.match(untraced.stdout, /^Not traced with bpftrace: the server has no probe object \(.*noop.*\)\n$/m);
  });

  it('gives help', async () => {
    const { status, stdout, stderr } = await outcome(start('demo.js', ['--help'], temporaryFolder()));
    assert.equal(status, 0);
    assert.match(stdout, /--tracer=bpftrace\|gdb\|recorder/);
    assert.equal(stderr, '');
  });

  for (const when of ['A mail server runs', '127.0.0.2']) {
    it(`leaves nothing behind when it is interrupted (at ${JSON.stringify(when)})`, async () => {
      const temporary = temporaryFolder();
      const child = start('demo.js', ['--tracer=recorder'], temporary);
      const lines = createInterface(child.stdout);
      let server = 0;
      lines.on('line', (line) => {
        server ||= Number(/process (\d+)/.exec(line)?.[1] ?? 0);
        if (line.startsWith(when)) child.kill('SIGINT');
      });
      await once(lines, 'close');
      await ended(child);
      assert.equal(child.exitCode, 130);
      assert(isEmpty(temporary));
      assert.throws(() => process.kill(server, 0), { code: 'ESRCH' });
    });
  }
});

/** Runs the demo to its good end, and checks what it shows whatever it traces with. */
async function demo(parameters: string[], env = {}): Promise<Outcome> {
  const temporary = temporaryFolder();
  const result = await outcome(start('demo.js', parameters, temporary, env));
  const { status, stdout, stderr } = result;
  assert.equal(status, 0, stdout + stderr);
  assert.equal(stderr, '');
  assert(isEmpty(temporary), 'files were left behind');

  const lines = stdout.split('\n');
  assert.deepEqual(
    lines.filter((line) => line.length > 100),
    [],
  );
  const index = (pattern: RegExp) => {
    const found = lines.findIndex((line) => pattern.test(line));
    assert.notEqual(found, -1, `${pattern} is not in ${stdout}`);
    return found;
  };
  const steps = [
    /^Nobody traces it: smtp\.sessionDone\.enabled is false, smtp\.delivery\.enabled is false\.$/,
    /^attached: smtp\.sessionDone\.enabled is true, smtp\.delivery\.enabled is true$/,
    /^127\.0\.0\.\d +\d+ bytes in +\d+ mails$/,
    /^nanoseconds per delivery/,
    /^@delivery_ns\[.*\]:$/,
    /^detached: smtp\.sessionDone\.enabled is false, smtp\.delivery\.enabled is false$/,
    /^A probe that nobody traces costs \d\.\d ns a fire, \d\.\d\d × the call of an empty function/,
    ...(process.platform === 'linux' ? COMMANDS : []),
  ].map(index);
  assert.deepEqual(
    steps,
    steps.toSorted((a, b) => a - b),
  );

  // The client sends the same mails each time, and no tracer may lose one.
  const sessions = lines.filter((line) => / bytes in +\d+ mails$/.test(line));
  assert.equal(sessions.length, 8);
  assert.equal(sum(sessions, /(\d+) mails$/), 109);
  assert.equal(sum(lines, /^\[\d+\w?, \d+\w?\) +(\d+) \|/), 217);
  for (const domain of ['archive.example', 'bank.example', 'example.org']) {
    assert(lines.includes(`@delivery_ns[${domain}]:`), domain);
  }
  return result;
}

/** What the command `sonde` is asked in the end, and the beginning of its answers. */
const COMMANDS = [
  /^\$ npx sonde list \d+ smtp$/,
  /^ +smtp:delivery__done\(uint64 id, uint64 ns, string domain, uint64 bytes\)$/,
  /^\$ npx sonde count smtp:recipient --by domain --process \d+$/,
  /^(?:example\.org +\d+|sonde: not with .*)$/,
  /^\$ npx sonde hist smtp:delivery --where 'domain == "bank\.example"' --process \d+$/,
  /^(?: +\d+ in all; p50 < .*|sonde: not with .*)$/,
];

function sum(lines: string[], pattern: RegExp): number {
  return lines.reduce((total, line) => total + Number(pattern.exec(line)?.[1] ?? 0), 0);
}
