// bunyan, unmodified, with one line for the package manager: `dtrace-provider` is sonde's.
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

/**
 * One of each kind: the newest, and Plug'n'Play, which finds nothing that a package does not name.
 */
const tested = ['npm 12', 'pnpm 12', 'yarn 4', "yarn 4, Plug'n'Play"].map((name) => {
  const manager = managers.find((manager) => manager.name === name);
  assert.ok(manager, name);
  return manager;
});

const APPLICATION = `
const log = require('bunyan').createLogger({ name: 'app', level: 'fatal' });
setInterval(() => log.info({ who: 'ada' }, 'hello'), 20);
console.log('started');
process.stdin.on('end', () => process.exit()).resume();
`;

describe('The override of dtrace-provider', function () {
  this.timeout(120_000);
  let work: string;
  let registry: Registry;

  before(async () => {
    work = mkdtempSync(join(tmpdir(), 'sonde-override-'));
    registry = await startRegistry(packAll(), registryOfNpm());
  });

  after(async () => {
    await registry?.close();
    if (work) rmSync(work, { recursive: true, force: true });
  });

  for (const manager of tested) {
    it(`by ${manager.name}: bunyan is traced by bpftrace`, async function () {
      needsRoot(this);
      needsTools(this, 'bpftrace');
      const node = needsNode(this, manager.node);
      const folder = mkdtempSync(join(work, 'application-'));
      const objects = join(folder, 'objects');
      mkdirSync(objects, { mode: 0o700 });
      writeFileSync(join(folder, 'main.cjs'), APPLICATION);
      const sources = {
        dependencies: { bunyan: '^2.0.5' },
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
      const ended = once(program, 'exit');
      try {
        const started = await Promise.race([once(program.stdout, 'data'), ended.then(() => undefined)]);
        assert.ok(started, 'the program ended before it started');
        const tracer = new Tracer('bpftrace', [
          '-e',
          `usdt:${objects}/bunyan.so:bunyan:log__info { if (@shown < 1) { @shown++; printf("<%s>\\n", str(arg0)); } }`,
        ]);
        await tracer.shows(/<\{"name":"app","hostname":/);
        await tracer.stop();
      } finally {
        program.stdin.end();
        await ended;
      }
    });
  }
});
