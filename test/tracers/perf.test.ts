import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tracedBackends } from '../support/backends.js';
import { record as recordFor, perf as runPerf } from '../support/perf.js';
import { environment } from '../support/run-node.js';
import { useScene } from '../support/scene.js';
import { needsRoot, needsTools } from '../support/tools.js';
import { removeEventAfter } from '../support/uprobe-events.js';

// perf's events are known by these names on the whole machine: of this run alone, since others may
// use it as well.
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
    removeEventAfter(scene.current, `sdt_${PROVIDER}`, 'session__start');
    await perf('probe', '-x', object, EVENT);
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
    removeEventAfter(scene.current, `sdt_${PROVIDER}`, 'session__start');
    await perf('probe', '-x', object, EVENT);
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

  describe('of a provider whose definition changed, while programs of both run', () => {
    const SECOND = `${EVENT}_1`;
    const OLD = /^sdt_\w+:session__start: arg1=\d+ arg2=2525$/;
    const changed = (event: string) => new RegExp(`^${event}: arg1=7 arg2=\\d+$`);
    let old: Awaited<ReturnType<typeof start>>;
    let object: string;

    beforeEach(async () => {
      old = await start();
      object = await startChanged();
      assert.notEqual(object, old.object);
      for (const event of ['session__start', 'session__start_1'])
        removeEventAfter(scene.current, `sdt_${PROVIDER}`, event);
    });

    const recordBoth = (event: string) =>
      record(event, undefined, async () => {
        await old.program.call('fire', 'smtp.sessionStart', 'old', 2525);
        await sleep(200);
      });

    it('makes an event of the object that is named, of the newest by its link, whatever is in the cache', async () => {
      for (const each of [old.object, object]) await perf('buildid-cache', '--add', each);
      const link = join(scene.current.objects, `${PROVIDER}.so`);
      // Once the program has run for a second.
      while (realpathSync(link) !== realpathSync(object)) await sleep(50);
      await perf('probe', '-x', link, EVENT);
      const shown = await recordBoth(EVENT);
      assert.ok(shown.length > 0);
      for (const line of shown) assert.match(line, changed(EVENT));
    });

    it('makes none of the same name before the old one is removed', async () => {
      await perf('probe', '-x', old.object, EVENT);
      await assert.rejects(perf('probe', '-x', object, EVENT), /event "session__start" already exists/);
      await perf('probe', '-d', EVENT);
      await perf('probe', '-x', object, EVENT);
      const shown = await recordBoth(EVENT);
      for (const line of shown) assert.match(line, changed(EVENT));
    });

    it('makes a second event with -f, and records both', async () => {
      await perf('probe', '-x', old.object, EVENT);
      await perf('probe', '-f', '-x', object, EVENT);
      const shown = await recordBoth(`sdt_${PROVIDER}:*`);
      assert.equal(shown.filter((line) => OLD.test(line)).length, 1);
      const others = shown.filter((line) => !OLD.test(line));
      assert.ok(others.length > 0);
      for (const line of others) assert.match(line, changed(SECOND));
      await perf('probe', '-d', `${EVENT}*`);
    });

    it('makes events with names of their own, by the function', async () => {
      const names = ['old', 'new'].map((name) => `${PROVIDER}_${name}`);
      for (const name of names) removeEventAfter(scene.current, `probe_${PROVIDER}`, name);
      const FUNCTION = `${PROVIDER}_session__start`;
      await perf('probe', '-x', old.object, `${names[0]}=${FUNCTION} peer:string port`);
      await perf('probe', '-x', object, `${names[1]}=${FUNCTION} attempt peer:string`);
      const shown = new Set(await recordBoth(`probe_${PROVIDER}:*`));
      assert.deepEqual([...shown].sort(), [
        `probe_${PROVIDER}:${names[1]}: attempt=7 peer_string="changed"`,
        `probe_${PROVIDER}:${names[0]}: peer_string="old" port=2525`,
      ]);
    });

    // Why docs/tracing.md says -x.
    it('makes an event of any of the objects in its cache when none is named, and fails', async () => {
      for (const each of [old.object, object]) await perf('buildid-cache', '--add', each);
      await assert.rejects(perf('probe', EVENT), /File exists/);
      await perf('probe', '-d', EVENT);
      await perf('buildid-cache', '--remove', old.object);
      await perf('probe', EVENT);
      const shown = await recordBoth(EVENT);
      for (const line of shown) assert.match(line, changed(EVENT));
    });

    /** Another definition of the same provider; its object. */
    async function startChanged(): Promise<string> {
      const source = `
        import { int32, provider, status, string } from ${JSON.stringify(import.meta.resolve('sonde'))};
        const smtp = provider(${JSON.stringify(PROVIDER)}, { sessionStart: [int32('attempt'), string('peer')] });
        setInterval(() => smtp.sessionStart.fire(7, 'changed'), 20);
        process.stdin.on('end', () => process.exit()).resume();
        console.log(status().providers[0].location);`;
      const program = spawn(process.execPath, ['--input-type=module', '-e', source], {
        env: environment(scene.current),
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      scene.current.defer(async () => {
        program.stdin.end();
        await once(program, 'exit');
      });
      const [line] = await once(program.stdout, 'data');
      return String(line).trim();
    }
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
