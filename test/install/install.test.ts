// sonde as it arrives in other people's projects: from its tarballs, by each package manager, on a
// machine with nothing but Node.js.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import type { Context } from 'mocha';
import type { Status } from 'sonde';
import { NODE_LINES, needsNode } from '../support/npm-packages.js';
import { needsRoot, needsTools } from '../support/tools.js';
import { type Installed, install, type Manager, managers } from './managers.js';
import { packAll, type Tarballs, withoutPrebuilds } from './tarballs.js';

/** More than is installed now, less than would go unnoticed. */
const MOST_BYTES = 8.5e6;

const APPLICATION = `
import { createRequire } from 'node:module';
import { int32, provider, status, string } from 'sonde';

const smtp = provider('smtp', { sessionStart: [string('peer'), int32('port')] });
// The same, as CommonJS has it.
if (createRequire(import.meta.url)('sonde').provider !== provider) throw new Error('two copies of sonde');
smtp.sessionStart.fire('10.0.0.7', 2525);
console.log(JSON.stringify(status()));
if (process.argv[2] === 'serve') {
  setInterval(() => smtp.sessionStart.fire('10.0.0.7', 2525), 10);
  process.stdin.on('end', () => process.exit()).resume();
}
`;

describe('Installation', function () {
  this.timeout(300_000);
  const table = new Table({
    head: ['manager', 'Node.js', 'scripts', 'prebuild', 'backend', 'reason', 'seconds', 'KB'],
    colWidths: [22, 16, 9, 10, 11, 60, 9, 7],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  let nodes: string[];
  let work: string;
  let packages: Tarballs;
  let incomplete: Tarballs;

  before(function () {
    nodes = NODE_LINES.map((line) => needsNode(this, line));
    work = mkdtempSync(join(tmpdir(), 'sonde-install-'));
    packages = packAll();
    incomplete = withoutPrebuilds(packages, work);
  });

  after(() => {
    console.log(table.toString());
    if (work) rmSync(work, { recursive: true, force: true });
  });

  for (const manager of managers) {
    for (const scripts of [true, false]) {
      const how = `by ${manager.name}, ${scripts ? 'scripts on' : 'scripts off'}`;

      it(`${how}: installs without a word, and runs on every Node.js`, function () {
        const { folder, installed } = installApplication(this, manager, scripts, packages);
        const statuses = nodes.map((node) => run(manager, folder, node));
        record(manager, scripts, true, installed, folder, statuses);
        for (const status of statuses) {
          assert.deepEqual([status.backend, status.requested, status.reason], ['systemtap', 'auto', undefined]);
        }
        assert.ok(sizeOf(folder) < MOST_BYTES);
      });

      it(`${how}: without a prebuilt addon, installs without a word, and says what to do`, function () {
        const { folder, installed } = installApplication(this, manager, scripts, incomplete);
        const statuses = nodes.map((node) => run(manager, folder, node));
        record(manager, scripts, false, installed, folder, statuses);
        for (const { backend, reason } of statuses) {
          assert.equal(backend, 'noop');
          assert.match(
            reason!,
            /^systemtap cannot run: there is no addon for linux on x64 in .*: npx @sonde\/compile makes one$/,
          );
        }
      });
    }

    it(`by ${manager.name}: is traced by bpftrace`, async function () {
      needsRoot(this);
      needsTools(this, 'bpftrace');
      const { folder } = installApplication(this, manager, true, packages);
      await trace(manager, folder);
    });
  }

  function installApplication(
    context: Context,
    manager: Manager,
    scripts: boolean,
    tarballs: Tarballs,
  ): { folder: string; installed: Installed } {
    const folder = mkdtempSync(join(work, 'application-'));
    writeFileSync(join(folder, 'main.js'), APPLICATION);
    const { sonde, '@sonde/core': core, '@sonde/native': native } = tarballs;
    const installed = install(
      context,
      manager,
      folder,
      { sonde: sonde!, '@sonde/core': core!, '@sonde/native': native! },
      scripts,
    );
    assert.equal(installed.status, 0, installed.output);
    const said = manager.saysAnyway ? installed.output.replace(manager.saysAnyway, '') : installed.output;
    assert.doesNotMatch(said, /warn|error|fail|deprecat|ignored/i, installed.output);
    return { folder, installed };
  }

  function run(manager: Manager, folder: string, node: string): Status {
    const { status, stdout, stderr } = spawnSync(node, [...(manager.start ?? []), 'main.js'], {
      cwd: folder,
      encoding: 'utf8',
      env: environment(folder),
    });
    assert.deepEqual([status, stderr], [0, ''], node);
    return JSON.parse(stdout);
  }

  async function trace(manager: Manager, folder: string): Promise<void> {
    const program = spawn(process.execPath, [...(manager.start ?? []), 'main.js', 'serve'], {
      cwd: folder,
      env: environment(folder),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      const [line] = await once(program.stdout, 'data');
      const status: Status = JSON.parse(String(line));
      const seen = execFileSync(
        'bpftrace',
        ['-e', `${status.providers[0]!.probes[0]!.tracer} { printf("<%s %d>\\n", str(arg0), arg1); exit(); }`],
        { encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] },
      );
      assert.match(seen, /<10\.0\.0\.7 2525>/);
    } finally {
      program.stdin.end();
      await once(program, 'exit');
    }
  }

  function record(
    manager: Manager,
    scripts: boolean,
    prebuild: boolean,
    { seconds }: Installed,
    folder: string,
    statuses: Status[],
  ): void {
    const outcomes = new Map<string, number[]>();
    for (const [index, { backend, reason = '' }] of statuses.entries()) {
      const key = JSON.stringify([backend, reason.replaceAll(folder, '.')]);
      outcomes.set(key, [...(outcomes.get(key) ?? []), NODE_LINES[index]!]);
    }
    for (const [key, nodes] of outcomes) {
      const [backend, reason] = JSON.parse(key);
      const kilobytes = Math.round(sizeOf(folder) / 1000);
      const onOff = scripts ? 'on' : 'off';
      table.push([
        manager.name,
        nodes.join(', '),
        onOff,
        prebuild ? 'yes' : 'no',
        backend,
        reason,
        seconds.toFixed(1),
        kilobytes,
      ]);
    }
  }
});

/** What is there at run time: objects in a folder of the test. */
function environment(folder: string): NodeJS.ProcessEnv {
  mkdirSync(join(folder, 'objects'), { recursive: true, mode: 0o700 });
  return { PATH: process.env.PATH, HOME: process.env.HOME, SONDE_DIR: join(folder, 'objects') };
}

/**
 * Of what was installed, in bytes: node_modules, or where Plug'n'Play has packages; what yarn keeps
 * besides for next time is not.
 */
function sizeOf(folder: string): number {
  const [modules, ...ofYarn] = ['node_modules', '.yarn/unplugged', '.yarn/cache'].map((name) => join(folder, name));
  const places = existsSync(modules!) ? [modules!] : ofYarn;
  const inodes = new Map<number, number>();
  for (const place of places) {
    let entries: string[];
    try {
      entries = readdirSync(place, { recursive: true }) as string[];
    } catch {
      continue;
    }
    for (const entry of entries) {
      const stats = statSync(join(place, entry), { throwIfNoEntry: false });
      if (stats?.isFile()) inodes.set(stats.ino, stats.size);
    }
  }
  return [...inodes.values()].reduce((sum, size) => sum + size, 0);
}
