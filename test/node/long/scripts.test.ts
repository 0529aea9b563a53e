// The scripts in examples/runtime, by bpftrace, on the shop that is there, while it works.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { hasKernelHeaders, kernelHeaders } from '../../support/kernel-headers.js';
import { needsPostgreSql, startPostgreSql } from '../../support/postgresql.js';
import { environment } from '../../support/run-node.js';
import { type Scene, useScene } from '../../support/scene.js';
import { cannotTest, needsRoot, needsTools } from '../../support/tools.js';

// Debian and Ubuntu add the ending.
const TRACE = spawnSync('sh', ['-c', 'command -v trace-bpfcc']).status === 0 ? 'trace-bpfcc' : 'trace';
const FOLDER = fileURLToPath(new URL('../../../../examples/runtime/', import.meta.url));

describe('The scripts in examples/runtime', function () {
  this.timeout(60_000);
  const scene = useScene();

  before(function () {
    needsTools(this, 'bpftrace');
    needsRoot(this);
  });

  it('gc.bt shows pauses by kind, all of which V8 had', async () => {
    const shop = await Shop.open(scene.current);
    const output = await shop.underScript('gc.bt', '/report', /^@us\[1\]/m);
    assert.match(output, /^@us\[1\]: *\n\[[^\n]*@/m);
    assert.ok(Number(/^@freed\[1\]: (\d+)$/m.exec(output)?.[1]) > 1e6, output);
  });

  it('allocation.bt shows who allocates', async () => {
    const shop = await Shop.open(scene.current);
    const output = await shop.underScript('allocation.bt', '/report', /^@bytes/m);
    // The most comes last.
    assert.match(output.trim().split('\n').at(-1)!, /^@bytes\[(report|line|join|from|.*), .*: \d{7,}$/);
    assert.match(output, /^@bytes\[line, [^\n]*shop\.js, \d+\]: \d{6,}$/m);
  });

  it('slow-turns.bt shows the request that kept the event loop', async () => {
    const shop = await Shop.open(scene.current);
    const output = await shop.underScript('slow-turns.bt', '/report', /request/);
    assert.match(output, /^\d\d+ ms: request [1-9]\d*, GET \/report$/m);
    assert.doesNotMatch(output, /request [1-9]\d*, (?!GET \/report$)/m);
  });

  it('http.bt shows times by url', async () => {
    const shop = await Shop.open(scene.current);
    const output = await shop.underScript('http.bt', '/report', /^@us/m);
    assert.match(output, /^@us\[\/report\]: *\n\[[^\n]*@/m);
    assert.doesNotMatch(output, /^@url/m);
  });

  it('node-18/requests.bt, written for the probes that Node.js had itself', async () => {
    const shop = await Shop.open(scene.current);
    const output = await shop.underScript('node-18/requests.bt', '/report', /^@gc_us/m);
    assert.match(output, /^127\.0\.0\.1:\d+ asks GET \/report$/m);
    assert.match(output, /^127\.0\.0\.1:\d+ answered, fd [1-9]\d*$/m);
    assert.match(output, /^connection of 127\.0\.0\.1:\d+, fd [1-9]\d*$/m);
    assert.match(output, /^end of 127\.0\.0\.1:\d+, fd [1-9]\d*$/m);
    assert.match(output, /^@us: *\n\[[^\n]*@/m);
    assert.match(output, /^@gc_us\[1, 0\]: *\n\[[^\n]*@/m);
  });

  it("bcc's trace, with the arguments that bcc's own example for Node.js reads", async function () {
    needsTools(this, TRACE);
    if (!hasKernelHeaders()) cannotTest(this, "no kernel's headers are installed (linux-headers-amd64)");
    const shop = await Shop.open(scene.current);
    // bcc counts from 1.
    const probe = `u:${shop.object('node')}:http__server__request "%s %s %s %d", arg3, arg5, arg6, arg7`;
    const tracer = scene.current.tracer(TRACE, [probe], kernelHeaders(scene.current));
    await tracer.hears(() => shop.get('/report'), /http__server__request +127\.0\.0\.1 GET \/report \d+$/m);
  });

  it('three-worlds.bt shows a request in Node.js, in PostgreSQL and in the kernel', async function () {
    const bin = needsPostgreSql(this);
    const postgres = await startPostgreSql(scene.current, bin);
    await postgres.query('CREATE TABLE visits (number int, url text)');
    const shop = await Shop.open(scene.current, {
      PGHOST: '127.0.0.1',
      PGPORT: `${postgres.port}`,
      PGUSER: postgres.user,
    });
    assert.equal(await shop.get('/first'), 200);
    const tracer = shop.trace('three-worlds.bt', shop.object('node'), shop.object('shop'), postgres.program);
    // In all worlds: bpftrace attaches to http__server__response first, so that the runtime's
    // probes are switched on before the shop's.
    await tracer.hears(
      () => shop.get('/knock'),
      /(?=.*^request (\d+): PostgreSQL )(?=.*^request \1 \/knock: answered)/ms,
    );
    const from = tracer.output.length;
    assert.equal(await shop.get('/cart'), 200);
    const [, id, answered] = await tracer.shows(/^request (\d+) \/cart: answered after (\d+) us$/m, from);
    const [, pid, us, flush] = await tracer.shows(
      new RegExp(
        `^request ${id}: PostgreSQL (\\d+) took (\\d+) us, (\\d+) us of it to flush, off the processor \\d+ times$`,
        'm',
      ),
      from,
    );
    assert.ok(Number(flush) > 0 && Number(us) >= Number(flush) && Number(answered) >= Number(us), tracer.output);
    assert.equal(await postgres.query(`SELECT count(*) FROM pg_stat_activity WHERE pid = ${pid}`), '1\n');
    assert.doesNotMatch(await tracer.stop(), /^@/m);
  });
});

/** The shop, started as its first lines say. */
class Shop {
  private readonly scene: Scene;
  private readonly address: string;

  private constructor(scene: Scene, address: string) {
    this.scene = scene;
    this.address = address;
  }

  static async open(scene: Scene, own: Record<string, string> = {}): Promise<Shop> {
    const child = spawn(
      process.execPath,
      ['--import', '@sonde/node/register', '--import', './dist/probes.js', 'dist/shop.js'],
      { cwd: FOLDER, env: environment(scene, own), stdio: ['ignore', 'pipe', 'inherit'] },
    ) as ChildProcess;
    scene.defer(async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    const [address] = await once(createInterface(child.stdout!), 'line');
    return new Shop(scene, address);
  }

  async get(path: string): Promise<number> {
    // A connection of its own, so that there is an end.
    const response = await fetch(this.address + path, { headers: { connection: 'close' } });
    await response.text();
    return response.status;
  }

  object(provider: string): string {
    return join(this.scene.objects, `${provider}.so`);
  }

  trace(script: string, ...args: string[]) {
    // A file's name is longer than the 64 bytes that bpftrace reads of a text. More of each does not
    // fit where other scripts keep several.
    const options = script === 'allocation.bt' ? { BPFTRACE_STRLEN: '120' } : {};
    return this.scene.tracer('bpftrace', [join(FOLDER, script), ...args], options);
  }

  /**
   * What a script that has one path shows while a path of the shop is asked for, until it has shown
   * enough.
   */
  async underScript(script: string, path: string, enough: RegExp): Promise<string> {
    let output = '';
    // A tracer shows its maps at its end: so it is run again for longer, should the machine have
    // been slow.
    for (const seconds of [2, 8]) {
      const tracer = this.trace(script, this.object('node'));
      await tracer.shows(/^Attaching/m);
      const end = Date.now() + seconds * 1000;
      while (Date.now() < end) {
        assert.equal(await this.get(path), 200);
        await setTimeout(20);
      }
      output = await tracer.stop();
      if (enough.test(output)) return output;
    }
    assert.fail(`${script} did not show ${enough}:\n${output}`);
  }
}

it('Every script in examples/runtime has a test', () => {
  const scripts = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.bt') && !file.startsWith('node_modules'),
  );
  assert.deepEqual(scripts.sort(), [
    'allocation.bt',
    'gc.bt',
    'http.bt',
    'node-18/requests.bt',
    'slow-turns.bt',
    'three-worlds.bt',
  ]);
});
