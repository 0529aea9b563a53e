// @sonde/node as it arrives: with its addon prebuilt for this Node.js, on a machine without a
// compiler.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needsRoot, needsTools } from '../support/tools.js';
import { Tracer } from '../support/tracer.js';
import { installFiles, managers, registryOfNpm } from './managers.js';
import { type Registry, startRegistry } from './registry.js';
import { packAll } from './tarballs.js';

const APPLICATION = `
import { stacks, status } from '@sonde/node';
import { provider } from 'sonde';

const app = provider('app', { here: [] });
function installedFrame() {
  app.here.fire();
}
installedFrame();
setInterval(() => stacks.status().on && installedFrame(), 10);
console.log(JSON.stringify(status().reasons ?? {}));
process.stdin.on('end', () => process.exit()).resume();
`;

describe('@sonde/node, installed', function () {
  this.timeout(120_000);
  let work: string;
  let registry: Registry;

  before(async () => {
    work = mkdtempSync(join(tmpdir(), 'sonde-node-'));
    registry = await startRegistry(packAll(), registryOfNpm());
  });

  after(async () => {
    await registry?.close();
    if (work) rmSync(work, { recursive: true, force: true });
  });

  it('loads its prebuilt addon, and a tracer shows the names of JavaScript frames', async function () {
    needsRoot(this);
    needsTools(this, 'bpftrace');
    const folder = mkdtempSync(join(work, 'application-'));
    const objects = join(folder, 'objects');
    mkdirSync(objects, { mode: 0o700 });
    writeFileSync(join(folder, 'main.js'), APPLICATION);
    const sources = { dependencies: { '@sonde/node': '*', sonde: '*' }, others: {}, registry: registry.url };
    const { status, output } = installFiles(this, managers[0]!, folder, sources, true);
    assert.equal(status, 0, output);
    assert.ok(!existsSync(join(folder, 'node_modules/@sonde/node/addon/build')), 'it was compiled');

    const program = spawn(process.execPath, ['--import', '@sonde/node/register', 'main.js'], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, SONDE_DIR: objects, SONDE_REQUIRE: '1' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(program, 'exit');
    try {
      const [line] = await Promise.race([once(program.stdout, 'data'), ended.then(() => [])]);
      assert.deepEqual(JSON.parse(String(line)), {});
      const tracer = new Tracer(
        'bpftrace',
        ['-e', `usdt:${objects}/node.so:node:stacks__on {} usdt:${objects}/app.so:app:here { @[ustack] = count(); }`],
        { BPFTRACE_CACHE_USER_SYMBOLS: '1' },
      );
      await tracer.shows(/Attaching/);
      await until(() => existsSync(`/tmp/perf-${program.pid}.map`));
      // Some fires with names.
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.match(await tracer.stop(), new RegExp(`installedFrame ${folder}/main.js:6`));
    } finally {
      program.stdin.end();
      await ended;
      rmSync(`/tmp/perf-${program.pid}.map`, { force: true });
    }
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail('it took more than 15 s');
}
