import assert from 'node:assert/strict';
import { tracedBackends } from '../support/backends.js';
import { record as recordFor, perf as runPerf } from '../support/perf.js';
import { useScene } from '../support/scene.js';
import { needsRoot, needsTools } from '../support/tools.js';
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

  for (const { backend } of tracedBackends) {
    describe(`by the function's name, on ${backend}`, () => {
      const FUNCTION = `${PROVIDER}_session__start`;

      it('names the arguments', async () => {
        const { object } = await start({ SONDE_BACKEND: backend });
        assert.equal(
          await perf('probe', '-x', object, '-V', FUNCTION),
          `Available variables at ${FUNCTION}
\t@<${FUNCTION}+0>
\t\tchar*\tpeer
\t\tint32_t\tport
`,
        );
      });

      it('records arguments by name, texts too', async () => {
        const { program, object } = await start({ SONDE_BACKEND: backend });
        const group = `probe_${PROVIDER}`;
        removeEventAfter(scene.current, group, FUNCTION);
        await perf('probe', '-x', object, `${FUNCTION} peer:string port`);
        const shown = await record(`${group}:${FUNCTION}`, program.pid, async () => {
          assert.equal(await program.call('enabled', 'smtp.sessionStart'), true);
          await program.call('fire', 'smtp.sessionStart', '10.0.0.7', 2525);
          await program.call('fire', 'smtp.sessionStart', 'naïve', -1);
        });
        assert.deepEqual(shown, [
          `${group}:${FUNCTION}: peer_string="10.0.0.7" port=2525`,
          `${group}:${FUNCTION}: peer_string="naïve" port=-1`,
        ]);
        await program.until(false);
      });
    });
  }

  async function start(environment: Record<string, string> = {}) {
    const program = await scene.current.program({ SMTP_PROVIDER: PROVIDER, ...environment });
    return { program, object: await program.object(PROVIDER) };
  }

  function perf(...args: string[]) {
    return runPerf(scene.current, ...args);
  }

  function record(event: string, pid: number | undefined, work: () => Promise<void>) {
    return recordFor(scene.current, event, pid, work);
  }
});
