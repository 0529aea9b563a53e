// The mail server's D scripts, while it serves mail.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { dtraceScript, ended, useDaemon } from '../../support/dtrace.js';
import { REGISTER } from '../../support/runtime-program.js';
import { type Scene, useScene } from '../../support/scene.js';
import { run } from '../../support/tracer.js';

const MAILSERVER = '../../../../examples/mailserver/';
const fileOf = (path: string) => fileURLToPath(new URL(MAILSERVER + path, import.meta.url));

describe("The mail server's D scripts", function () {
  this.timeout(240_000);
  const scene = useScene();
  useDaemon();

  it('delivery-latency.d: a histogram for each domain, of as many deliveries as there were', async () => {
    const port = await serve(scene.current);
    const shown = await traced('dtrace/delivery-latency.d', () => sendMail(port));
    const domains = [...shown.matchAll(/^ *([\w.]+) *\n +value +-+ Distribution -+ count *\n((?: +\d+ \|.*\n)+)/gm)];
    const counts = domains.map(([, domain, rows]) => {
      const each = [...rows!.matchAll(/ (\d+) *$/gm)].map(([, count]) => Number(count));
      return [domain, each.reduce((sum, count) => sum + count, 0)] as const;
    });
    // What the client sends in two sessions of four mails: see examples/mailserver/src/client.ts.
    assert.deepEqual(Object.fromEntries(counts), { 'archive.example': 1, 'bank.example': 1, 'example.org': 7 }, shown);
  });

  it('who-writes.d: the stacks of JavaScript functions, and how often each was there', async () => {
    const port = await serve(scene.current);
    const shown = await traced('dtrace/who-writes.d', () => sendMail(port));
    // A stack's last line has the count behind it.
    const stacks = [...shown.matchAll(/^ *(write \(.*server\.js:\d+:\d+\)\n(?:.*\n)*?.*\)) +(\d+) *$/gm)];
    assert.ok(
      stacks.every(([, stack]) => stack!.includes('\nasync receive (') || stack!.includes('\nreceive (')),
      shown,
    );
    const total = stacks.reduce((sum, [, , count]) => sum + Number(count), 0);
    assert.equal(total, 9, shown);
  });

  it('function-latency.d: a histogram of as many calls as there were, of a function that has no probe of its own', async () => {
    const port = await serve(scene.current, ['--import', REGISTER]);
    const shown = await traced('dtrace/function-latency.d', () => sendMail(port), 'domainOf');
    const [, file, rows] =
      /^ *(\S+) +\d+ *\n +value +-+ Distribution -+ count *\n((?: +\d+ \|.*\n)+)/m.exec(shown) ?? [];
    assert.equal(file, fileOf('src/server.ts'), shown);
    const counts = [...rows!.matchAll(/ (\d+) *$/gm)].map(([, count]) => Number(count));
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      9,
      shown,
    );
  });

  /** Runs a script while something is done, and returns what it showed. */
  async function traced(script: string, work: () => Promise<void>, ...parameters: string[]): Promise<string> {
    const tracer = dtraceScript(scene.current, fileOf(script), ...parameters);
    await tracer.shows(/matched \d+ probes?/);
    await work();
    return ended(tracer);
  }

  const sendMail = async (port: string) => {
    await run(process.execPath, [fileOf('dist/client.js'), `--port=${port}`, '--sessions=2', '--mails=4', '--pause=0']);
  };
});

/** Starts the server; where it listens. */
async function serve(scene: Scene, options: string[] = []): Promise<string> {
  const server = spawn(process.execPath, [...options, fileOf('dist/server.js'), '--port=0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SONDE_BACKEND: 'dtrace', SONDE_REQUIRE: '1', SONDE_FUNCTIONS: 'on' },
  });
  scene.defer(async () => {
    server.kill('SIGTERM');
    await once(server, 'exit');
  });
  const lines = createInterface(server.stdout);
  let port: string | undefined;
  for await (const line of lines) {
    port ??= /smtp:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    if (line.startsWith('probes: ')) {
      assert.equal(line, `probes: smtp${server.pid}:::session-start`);
      break;
    }
  }
  return port!;
}
