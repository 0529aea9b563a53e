// The command `sonde` where packages are installed: of sonde alone, which says where the command is, and
// with @sonde/cli beside it, which it starts.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type { Context } from 'mocha';
import { needsNode, needsPackage } from '../support/npm-packages.js';
import { installFiles, type Manager, managers, registryOfNpm } from './managers.js';
import { packAll, type Tarballs } from './tarballs.js';

describe('The command, installed', function () {
  this.timeout(300_000);
  let work: string;
  let packages: Tarballs;

  before(() => {
    work = mkdtempSync(join(tmpdir(), 'sonde-command-'));
    packages = packAll();
  });

  after(() => {
    if (work) rmSync(work, { recursive: true, force: true });
  });

  for (const manager of managers) {
    it(`by ${manager.name}: sonde alone says in two lines where the command is`, function () {
      const { status, stdout, stderr } = run(this, manager, ['sonde'], ['list']);
      assert.equal(status, 4, stderr);
      assert.equal(stdout, '');
      assert.match(
        stderr,
        /^sonde: .* @sonde\/cli, which is not installed here: npm install --save-dev @sonde\/cli\nsonde: .*: npx @sonde\/cli --help\n$/,
      );
    });

    it(`by ${manager.name}: with @sonde/cli beside it, sonde starts it`, function () {
      for (const [args, expected, text] of [
        [['--help'], 0, /^Usage: sonde /],
        [['completion', 'bash'], 0, /^complete -F _sonde sonde$/m],
        [['list', '--nonsense'], 2, /unknown option '--nonsense'/],
      ] as const) {
        const { status, stdout, stderr } = run(this, manager, ['sonde', '@sonde/cli'], args);
        assert.equal(status, expected, stderr);
        assert.match(stdout + stderr, text);
      }
    });
  }

  const applications = new Map<string, string>();

  /** Runs it as the package manager runs commands of packages. */
  function run(context: Context, manager: Manager, wanted: readonly string[], args: readonly string[]) {
    const key = [manager.name, ...wanted].join();
    const folder = applications.get(key) ?? installed(context, manager, wanted);
    applications.set(key, folder);
    const node = needsNode(context, manager.node);
    const [command, ...first] = manager.start
      ? [realpathSync(needsPackage(context, manager.package, `.bin/${manager.command}`)), 'run', 'sonde']
      : [join(folder, 'node_modules/.bin/sonde')];
    return spawnSync(command!, [...first, ...args], {
      cwd: folder,
      encoding: 'utf8',
      env: { HOME: work, PATH: [dirname(node), '/bin', '/usr/bin'].join(delimiter) },
    });
  }

  function installed(context: Context, manager: Manager, wanted: readonly string[]): string {
    const folder = mkdtempSync(join(work, 'application-'));
    const files = [...new Set(['sonde', '@sonde/core', '@sonde/native', '@sonde/node', ...wanted])].map(
      (name) => [name, `file:${packages[name]!}`] as const,
    );
    const sources = {
      dependencies: Object.fromEntries(files.filter(([name]) => wanted.includes(name))),
      // What is wanted is needed by others, too.
      others: Object.fromEntries(files),
      registry: registryOfNpm(),
    };
    const { status, output } = installFiles(context, manager, folder, sources, true);
    assert.equal(status, 0, output);
    return folder;
  }
});
