// bunyan and restify, unmodified, with one line for the package manager: `dtrace-provider` is sonde's.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needsNode } from '../support/npm-packages.js';
import { needsRoot, needsTools } from '../support/tools.js';
import { Tracer } from '../support/tracer.js';
import { installFiles, type Manager, managers, registryOfNpm } from './managers.js';
import { type Registry, startRegistry } from './registry.js';
import { packAll } from './tarballs.js';

/** As docs/installation.md has it for each of them: yarn wants a range. */
const OVERRIDE = 'npm:@sonde/dtrace-provider';
const overrideOf = ({ command }: Manager) => (command === 'yarn' ? `${OVERRIDE}@*` : OVERRIDE);

const APPLICATION = `
const { get } = require('node:http');
const log = require('bunyan').createLogger({ name: 'app', level: 'fatal' });
const server = require('restify').createServer({ name: 'app', dtrace: true, handleUncaughtExceptions: false });
server.get('/hello/:name', function hello(request, response, next) {
  log.info({ who: request.params.name }, 'hello');
  response.send(200, {});
  next();
});
server.listen(0, '127.0.0.1', () => {
  console.log('listening');
  setInterval(() => get({ port: server.address().port, path: '/hello/ada' }, (response) => response.resume()), 20);
});
process.stdin.on('end', () => process.exit()).resume();
`;

describe('The override of dtrace-provider', function () {
  this.timeout(300_000);
  let work: string;
  let registry: Registry;

  before(async () => {
    work = mkdtempSync(join(tmpdir(), 'sonde-override-'));
    registry = await startRegistry(packAll(join(work, 'tarballs')), registryOfNpm());
  });

  after(async () => {
    await registry?.close();
    if (work) rmSync(work, { recursive: true, force: true });
  });

  for (const manager of managers) {
    it(`by ${manager.name}: bunyan and restify are traced by bpftrace`, async function () {
      needsRoot(this);
      needsTools(this, 'bpftrace');
      const node = needsNode(this, manager.node);
      const folder = mkdtempSync(join(work, 'application-'));
      const objects = join(folder, 'objects');
      mkdirSync(objects, { mode: 0o700 });
      writeFileSync(join(folder, 'main.cjs'), APPLICATION);
      const sources = {
        // restify 12 needs Node.js 22; 11 runs up to that.
        dependencies: { bunyan: '^2.0.5', restify: manager.node < 22 ? '^11.1.0' : '^12.0.0' },
        others: { 'dtrace-provider': overrideOf(manager) },
        registry: registry.url,
      };
      const { status, output } = installFiles(this, manager, folder, sources, true);
      assert.equal(status, 0, output);
      assert.doesNotMatch(output, /gyp/, output);

      const program = spawn(node, [...(manager.start ?? []), '--no-warnings', 'main.cjs'], {
        cwd: folder,
        env: {
          PATH: process.env.PATH,
          HOME: process.env.HOME,
          SONDE_DIR: objects,
          SONDE_REQUIRE: '1',
          SONDE_BACKEND: 'systemtap',
        },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      try {
        await once(program.stdout, 'data');
        const tracer = new Tracer('bpftrace', [
          '-e',
          `usdt:${objects}/bunyan.so:bunyan:log__info { if (@log < 1) { @log++; printf("<%s>\\n", str(arg0)); } }
           usdt:${objects}/restify.so:restify:route__start {
             if (@route < 1) { @route++; printf("<%s %s %s>\\n", str(arg0), str(arg3), str(arg4)); }
           }`,
        ]);
        await tracer.shows(/<\{"name":"app","hostname":/);
        await tracer.shows(/<app GET \S*\/hello\/ada>/);
        await tracer.stop();
      } finally {
        program.stdin.end();
        await once(program, 'exit');
      }
    });
  }
});
