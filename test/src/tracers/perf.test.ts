import assert from 'node:assert/strict';
import { join } from 'node:path';
import { useScene } from '../support/scene.js';
import { needsRoot, needsTools } from '../support/tools.js';
import { run } from '../support/tracer.js';
import { removeEventAfter } from '../support/uprobe-events.js';

// perf's events are known by these names on the whole machine: of this run alone, since others may use it as well.
const PROVIDER = `smtp_${process.pid}_test`;
const EVENT = `sdt_${PROVIDER}:session__start`;

describe('perf', function () {
  this.timeout(60_000);
  const scene = useScene();

  before(function () {
    needsTools(this, 'perf');
    needsRoot(this);
  });

  it('lists the probes of an object in its cache as SDT events', async () => {
    const { object } = await start();
    await perf('buildid-cache', '--add', object);
    const events = (await perf('list', 'sdt')).match(/sdt_\S+/g);
    assert.deepEqual(events, [`sdt_${PROVIDER}:session__done`, EVENT]);
  });

  it('records an SDT event and shows the values', async () => {
    const { program, object } = await start();
    await perf('buildid-cache', '--add', object);
    removeEventAfter(scene.current, `sdt_${PROVIDER}`, 'session__start');
    await perf('probe', EVENT);
    const shown = await record(EVENT, program.pid, async () => {
      assert.equal(await program.call('enabled', 'smtp.sessionStart'), true);
      for (const port of [2525, -1, 2 ** 31 - 1]) await program.call('fire', 'smtp.sessionStart', '10.0.0.7', port);
    });
    await program.until(false);
    // Of a text an SDT note tells perf only where it is.
    assert.deepEqual(
      shown.map((line) => line.replace(/arg1=\d+/, 'arg1=ADDRESS')),
      [2525, -1, 2 ** 31 - 1].map((port) => `${EVENT}: arg1=ADDRESS arg2=${port}`),
    );
  });

  it('records all processes that map the object, and each fire', async () => {
    const { program, object } = await start();
    const { program: other } = await start();
    await perf('buildid-cache', '--add', object);
    removeEventAfter(scene.current, `sdt_${PROVIDER}`, 'session__start');
    await perf('probe', EVENT);
    const shown = await record(EVENT, undefined, async () => {
      await Promise.all([program.call('fireMany', 200), other.call('fireMany', 300)]);
    });
    const ports = shown.map((line) => Number(/arg2=(\d+)$/.exec(line)![1])).sort((a, b) => a - b);
    const sequence = (length: number) => Array.from({ length }, (_, port) => port);
    assert.deepEqual(
      ports,
      [...sequence(200), ...sequence(300)].sort((a, b) => a - b),
    );
  });

  it("names the arguments of a stub's function", async () => {
    const { object } = await start();
    assert.equal(
      await perf('probe', '-x', object, '-V', `${PROVIDER}_session__start`),
      `Available variables at ${PROVIDER}_session__start
\t@<${PROVIDER}_session__start+0>
\t\tchar*\tpeer
\t\tint32_t\tport
`,
    );
  });

  it('records arguments by name, texts too', async () => {
    const { program, object } = await start();
    removeEventAfter(scene.current, PROVIDER, 'named');
    await perf('probe', '-x', object, `${PROVIDER}:named=${PROVIDER}_session__start peer:string port`);
    const shown = await record(`${PROVIDER}:named`, program.pid, async () => {
      await program.call('fire', 'smtp.sessionStart', '10.0.0.7', 2525);
      await program.call('fire', 'smtp.sessionStart', 'naïve', -1);
    });
    assert.deepEqual(shown, [
      `${PROVIDER}:named: peer_string="10.0.0.7" port=2525`,
      `${PROVIDER}:named: peer_string="naïve" port=-1`,
    ]);
  });

  async function start() {
    const program = await scene.current.program({ SMTP_PROVIDER: PROVIDER });
    return { program, object: await program.object(PROVIDER) };
  }

  /** Its cache is the test's own, and so is its configuration. */
  function perf(...args: string[]): Promise<string> {
    const { folder } = scene.current;
    return run('perf', ['--buildid-dir', join(folder, 'buildid'), ...args], { HOME: folder });
  }

  /** What `perf script` shows of what was recorded meanwhile: `EVENT: VALUES`. */
  async function record(event: string, pid: number | undefined, work: () => Promise<void>): Promise<string[]> {
    const { folder } = scene.current;
    const data = join(folder, 'perf.data');
    const whom = pid === undefined ? ['-a'] : ['-p', String(pid)];
    // perf starts the command once its events are on, and records until it ends.
    const command = ['sh', '-c', 'echo recording; read end'];
    const options = ['-o', data, '-e', event, ...whom, '--', ...command];
    const recorder = scene.current.tracer('perf', ['--buildid-dir', join(folder, 'buildid'), 'record', ...options], {
      HOME: folder,
    });
    await recorder.shows(/^recording$/m);
    await work();
    recorder.close();
    await recorder.end();
    const lines = (await perf('script', '-i', data, '-F', 'event,trace')).trim().split('\n');
    return lines.map((line) =>
      line
        .trim()
        .replace(/\([0-9a-f]+\) /, '')
        .replace(/: +/, ': '),
    );
  }
});
