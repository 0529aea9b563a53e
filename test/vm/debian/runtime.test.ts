// The D scripts in examples/runtime, on the shop that is there, while it works: probes of the
// runtime by DTrace.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { dtraceScript, ended, useDaemon } from '../../support/dtrace.js';
import { REGISTER } from '../../support/runtime-program.js';
import { type Scene, useScene } from '../../support/scene.js';
import type { Tracer } from '../../support/tracer.js';

const FOLDER = fileURLToPath(new URL('../../../../examples/runtime/', import.meta.url));
const HISTOGRAM = ' +value +-+ Distribution -+ count *\\n(?: +\\d+ \\|.*\\n)*? +\\d+ \\|@';

describe("The runtime's D scripts", function () {
  this.timeout(240_000);
  const scene = useScene();
  useDaemon();

  it('gc.d: a histogram of pauses for each kind of collection', async () => {
    const address = await openShop(scene.current);
    const shown = await traced('gc.d', () => get(`${address}/report`));
    assert.match(shown, new RegExp(`^ +1 *\\n${HISTOGRAM}`, 'm'));
    const freed = shown.slice(shown.lastIndexOf('|')).match(/^ +1 +(\d+) *$/m);
    assert.ok(Number(freed?.[1]) > 1e6, shown);
  });

  it('node-18/requests.d, written for the probes that Node.js had itself', async () => {
    const address = await openShop(scene.current);
    const shown = await traced('node-18/requests.d', async (tracer) => {
      await get(`${address}/report`);
      // The server sees the end of the connection after the client has its answer.
      await tracer.shows(/^end of /m);
    });
    assert.match(shown, /^127\.0\.0\.1:\d+ asks GET \/report$/m);
    assert.match(shown, /^127\.0\.0\.1:\d+ answered, fd [1-9]\d*$/m);
    assert.match(shown, /^connection of 127\.0\.0\.1:\d+, fd [1-9]\d*$/m);
    assert.match(shown, /^end of 127\.0\.0\.1:\d+, fd [1-9]\d*$/m);
    assert.match(shown, new RegExp(`^requests, microseconds\\n\\s*${HISTOGRAM}`, 'm'));
    assert.match(shown, new RegExp(`^collections [^\\n]*\\n[^]*^ +1 +0 *\\n${HISTOGRAM}`, 'm'));
  });

  /** Runs a script while something is done, and returns what it showed. */
  async function traced(script: string, work: (tracer: Tracer) => Promise<void>): Promise<string> {
    const tracer = dtraceScript(scene.current, FOLDER + script);
    await tracer.shows(/matched \d+ probes?|^tracing/m);
    // DTrace opens no file: what stands behind its probes is on within a second.
    await setTimeout(1500);
    await work(tracer);
    return ended(tracer);
  }
});

/** Starts the shop, as its first lines say; where it listens. */
async function openShop(scene: Scene): Promise<string> {
  const shop = spawn(process.execPath, ['--import', REGISTER, 'dist/shop.js'], {
    cwd: FOLDER,
    env: { ...process.env, SONDE_BACKEND: 'dtrace', SONDE_REQUIRE: '1', SONDE_DIR: scene.objects },
    stdio: ['ignore', 'pipe', 'inherit'],
  }) as ChildProcess;
  scene.defer(async () => {
    shop.kill('SIGTERM');
    if (shop.exitCode === null && shop.signalCode === null) await once(shop, 'exit');
  });
  const [address] = await once(createInterface(shop.stdout!), 'line');
  return address;
}

async function get(url: string): Promise<void> {
  // A connection of its own, so that there is an end.
  const response = await fetch(url, { headers: { connection: 'close' } });
  assert.equal(response.status, 200);
  await response.text();
}

it('Every D script in examples/runtime has a test', () => {
  const scripts = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.d') && !file.startsWith('node_modules'),
  );
  assert.deepEqual(scripts.sort(), ['gc.d', 'node-18/requests.d']);
});
