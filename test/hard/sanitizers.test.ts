// Tests that use the addons most run with addons that the address and undefined-behaviour
// sanitizers watch; and valgrind watches once.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environment } from '../support/run-node.js';
import { useScene } from '../support/scene.js';
import { needsRoot, needsTools } from '../support/tools.js';
import { run } from '../support/tracer.js';
import { meet } from './goals.js';
import { type Sanitized, sanitizedAddons } from './sanitized.js';
import { scaled } from './scale.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MOCHA = join(ROOT, 'node_modules/mocha/bin/mocha.js');
const PROGRAM = fileURLToPath(new URL('valgrind-program.js', import.meta.url));

/** Files of tests, and which of them; what measures memory is not for these addons. */
const SUITES: Record<string, string[]> = {
  'the conformance suite': ['test/dist/conformance/backends.test.js', '--grep=with probe objects in files'],
  'hostile values and code': ['test/dist/hard/hostile.test.js', '--grep=where a tracer is attached$'],
  'worker threads': ['test/dist/workers.test.js', '--grep=terminated|come and go'],
  '@sonde/node': [
    'packages/node/dist/stacks/capture.test.js',
    'test/dist/node/runtime/gc.test.js',
    '--grep=native stacks|by the addon',
  ],
  // In an hour.
  'the conformance suite, in memory': ['test/dist/conformance/backends.test.js', '--grep=in memory'],
  'names of JavaScript in native stacks': [
    'packages/node/dist/stacks/stacks.test.js',
    'test/dist/node/stacks/presence.test.js',
  ],
};
const QUICK = 4;

describe('Native code', () => {
  const scene = useScene();

  describe('with the address and undefined-behaviour sanitizers', () => {
    let addons: Sanitized[];
    before(async function () {
      needsRoot(this);
      needsTools(this, 'g++', 'unshare');
      addons = await sanitizedAddons();
      for (const { sanitized } of addons) assert.ok(readFileSync(sanitized).includes('__asan_report_load'), sanitized);
    });

    for (const [name, files] of Object.entries(SUITES).slice(0, scaled(QUICK))) {
      it(`has nothing reported in ${name}`, async () => {
        const libraries = await Promise.all(
          ['asan', 'ubsan'].map((name) => run('gcc', [`-print-file-name=lib${name}.so`])),
        );
        const reports = join(scene.current.folder, 'reports');
        mkdirSync(reports);
        // In a mount namespace of their own these addons take the place of the others.
        const mounts = addons.map(({ original, sanitized }) => `mount --bind '${sanitized}' '${original}'`);
        const options = `log_path=${join(reports, 'report')}`;
        const command = [
          ...mounts,
          `export LD_PRELOAD='${libraries.map((path) => path.trim()).join(':')}'`,
          'exec "$@"',
        ].join(' && ');
        const mocha = [process.execPath, '--enable-source-maps', MOCHA, '--no-config', '--timeout=120000', ...files];
        const { status, signal, stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', command, 'sh', ...mocha], {
          encoding: 'utf8',
          cwd: ROOT,
          env: {
            ...process.env,
            // What V8 and Node.js keep until the end is theirs.
            ASAN_OPTIONS: `detect_leaks=0:${options}`,
            UBSAN_OPTIONS: `print_stacktrace=1:${options}`,
            SONDE_TEST_ROUNDS: '2',
          },
        });
        const found = readdirSync(reports).map((report) => readFileSync(join(reports, report), 'utf8'));
        const passed = Number(/(\d+) passing/.exec(stdout)?.[1] ?? 0);
        meet(
          `${passed} tests`,
          [
            { name: 'reports', measured: found.length, exactly: 0 },
            { name: 'exit code', measured: status ?? Number.NaN, exactly: 0 },
            { name: 'tests that passed', measured: passed, least: 1 },
          ],
          [...found.slice(0, 3), signal, stdout, stderr].join('\n'),
        );
      });
    }
  });

  it('has nothing reported by valgrind', function () {
    needsTools(this, 'valgrind');
    const xml = join(scene.current.folder, 'memcheck.xml');
    const memcheck = [
      '--tool=memcheck',
      '--leak-check=full',
      '--show-leak-kinds=definite',
      '--num-callers=30',
      '--xml=yes',
      `--xml-file=${xml}`,
    ];
    const node = [process.execPath, '--jitless', '--expose-gc', PROGRAM];
    const { status, stdout, stderr } = spawnSync('valgrind', [...memcheck, ...node], {
      encoding: 'utf8',
      env: environment(scene.current, { LD_BIND_NOW: '1' }),
    });
    const errors = readFileSync(xml, 'utf8').match(/<error>[\s\S]*?<\/error>/g) ?? [];
    const ours = errors.filter(isOurs);
    meet(
      `${errors.length} errors of all code`,
      [
        { name: 'of native code of ours', measured: ours.length, exactly: 0 },
        { name: 'exit code', measured: status ?? Number.NaN, exactly: 0 },
        { name: 'programs that came to their end', measured: stdout === 'done\n' ? 1 : 0, exactly: 1 },
      ],
      [...ours.slice(0, 3), stderr].join('\n'),
    );
  });
});

/**
 * The innermost function that is no allocator's. V8 and Node.js have their own ways with memory, of
 * which valgrind knows nothing.
 */
function isOurs(error: string): boolean {
  const frames = error.match(/<frame>[\s\S]*?<\/frame>/g) ?? [];
  const first = frames.find((frame) => !frame.includes('/vgpreload_'));
  return first !== undefined && /<obj>[^<]*(sonde\.node|\/valgrind-[0-9a-f]+\.so)<\/obj>/.test(first);
}
