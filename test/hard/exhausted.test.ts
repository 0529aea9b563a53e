// What sonde needs is used up: the program does its work all the same, and status() says why probes
// are where they are.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CalledProgram } from '../support/called-program.js';
import { RawTracer } from '../support/raw-tracer.js';
import { environment } from '../support/run-node.js';
import { REGISTER } from '../support/runtime-program.js';
import { useScene } from '../support/scene.js';
import { cannotTest, needsHeader, needsRoot, needsTools } from '../support/tools.js';
import { run } from '../support/tracer.js';
import type { Told } from './exhausted-program.js';
import { Goals, meet } from './goals.js';
import type { Seen } from './mappings-program.js';
import type { Commands } from './refused-program.js';
import type { Commands as StackCommands } from './stack-program.js';

const PROGRAM = fileURLToPath(new URL('exhausted-program.js', import.meta.url));
const REFUSED = fileURLToPath(new URL('refused-program.js', import.meta.url));
const MAPPINGS = fileURLToPath(new URL('mappings-program.js', import.meta.url));
const STACK = fileURLToPath(new URL('stack-program.js', import.meta.url));
const SHIM = fileURLToPath(new URL('../../hard/refuse.c', import.meta.url));
/** Those of test/hard/refuse.c. */
const CALLS =
  'openat statx newfstatat readlink mkdir chmod fchmod pread64 pwrite64 link rename symlink unlink getdents64 ftruncate mmap memfd_create'.split(
    ' ',
  );
const RESULTS = [2, 'two', 3, 2, 'two', 3];

describe('A program throws nowhere that it would not without a tracer', () => {
  const scene = useScene();

  it('near the end of the stack', async function () {
    needsRoot(this);
    const program = new CalledProgram<StackCommands>(STACK, { SONDE_DIR: scene.current.objects });
    scene.current.defer(() => program.kill());
    const tracer = RawTracer.place(scene.current, await program.call('object'), 'deep');
    tracer.turn(true);
    const goals = new Goals();
    for (const way of await program.call('ways')) {
      const { onlyTraced, both } = await program.call('compare', way);
      goals.add(
        `${way}, the last frames of the stack`,
        // One, where V8 makes the caller's frame larger: it has what fires in it.
        { name: 'depths at which it throws only because it is traced', measured: onlyTraced, most: 1 },
        { name: 'depths at which it works', measured: both, least: 100 },
      );
    }
    goals.check();
  });
});

describe('A program that defines more providers than it can have mappings for', function () {
  this.timeout(300_000);
  const scene = useScene();

  it('is told so in time, and keeps the other half of them', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAPPINGS], {
      encoding: 'utf8',
      env: environment(scene.current, { SONDE_REQUIRE: undefined }),
    });
    assert.deepEqual([status, stderr], [0, '']);
    const { active, reasons, mappings, limit, works }: Seen = JSON.parse(stdout);
    assert.ok(works);
    assert.equal(reasons.length, 1, reasons.join('\n'));
    assert.match(reasons[0]!, new RegExp(`^this process has ${active} probe objects, .* raise vm\\.max_map_count$`));
    meet('of the mappings that the system allows a process', [
      { name: 'taken', measured: mappings / limit, digits: 2, most: 0.55 },
      { name: 'providers that a tracer finds', measured: active, least: Math.floor(limit / 6) },
    ]);
  });
});

describe('A program does its work, and status() says why probes are elsewhere or are inactive, where', () => {
  const scene = useScene();
  before(function () {
    needsRoot(this);
    needsTools(this, 'unshare');
  });

  /** With @sonde/node as well: it has files of its own there. */
  const programs: Record<string, string[]> = { sonde: [PROGRAM], '@sonde/node': ['--import', REGISTER, PROGRAM] };

  it('the disk is full, after any number of pages', () => {
    const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16].map((pages) => `size=${4 * pages}k`);
    runAll(sizes.map((option) => inMount(option, /ENOSPC/)));
  });

  it('there are no inodes left, after any number of files', () => {
    const numbers = [1, 2, 3, 4, 5, 6].map((inodes) => `nr_inodes=${inodes}`);
    runAll(numbers.map((option) => inMount(option, /ENOSPC/)));
  });

  it('the file system is read-only, or forbids execution', () => {
    runAll([inMount('ro', /EROFS/), inMount('noexec', /failed to map segment/)]);
  });

  it('there are no descriptors left, but a few', () => {
    const few = [0, 1, 2, 3, 4, 6, 8];
    runAll(
      few.map((free) => ({
        ...plain,
        what: `${free} descriptors`,
        args: [String(free)],
        shell: `ulimit -n 64; ${plain.shell}`,
        why: /EMFILE|[Tt]oo many open files/,
      })),
    );
  });

  it('there is no /proc', () => {
    runAll([{ ...plain, what: 'no /proc', shell: `mount -t tmpfs none /proc; ${plain.shell}`, why: /./ }]);
  });

  it('there is no memory for a system call, any of those that a definition makes', async function () {
    needsTools(this, 'cc');
    needsHeader(this, 'linux/seccomp.h');
    if (process.arch !== 'x64') cannotTest(this, `the system calls are those of x64, and this is ${process.arch}`);
    const shim = join(scene.current.folder, 'refuse.so');
    await run('cc', ['-shared', '-fPIC', '-o', shim, SHIM]);
    const goals = new Goals();
    const wrong: string[] = [];
    for (const call of CALLS) {
      const SONDE_DIR = join(scene.current.objects, call);
      const environment = { SONDE_DIR, SONDE_REQUIRE: '0', LD_PRELOAD: shim, SONDE_TEST_REFUSE: call };
      const program = new CalledProgram<Commands>(REFUSED, environment);
      scene.current.defer(() => program.kill());
      await program.call('refuse');
      const told = await program.call('define').catch((error) => ({ location: undefined, reason: undefined, error }));
      const end = await program.end();
      const faults = [
        ...(told.location?.startsWith(SONDE_DIR) || told.reason !== undefined ? [] : [JSON.stringify(told)]),
        ...(end === 0 && program.errors === '' ? [] : [`it ended with ${end}: ${program.errors}`]),
      ];
      wrong.push(...faults.map((fault) => `${call}: ${fault}`));
      const where = told.location?.startsWith(SONDE_DIR) ? 'in a file' : told.location ? 'in memory' : 'inactive';
      goals.add(`${call}: ${where}`, { name: 'things that were wrong', measured: faults.length, exactly: 0 });
    }
    goals.check(wrong.join('\n'));
  });

  interface Run {
    what: string;
    /** Sets up what the program `"$@"` runs in, and runs it. */
    shell: string;
    args: string[];
    /** Says why where probes are not in their folder. */
    why: RegExp;
  }

  const plain = { shell: 'exec "$@"', args: [] as string[] };

  function inMount(options: string, why: RegExp): Run {
    return {
      ...plain,
      what: options,
      shell: `mount -t tmpfs -o "mode=0700,${options}" sonde-test "$SONDE_DIR" && exec "$@"`,
      why,
    };
  }

  function runAll(runs: Run[]): void {
    const goals = new Goals();
    const wrong: string[] = [];
    for (const [name, program] of Object.entries(programs)) {
      for (const { what, shell, args, why } of runs) {
        mkdirSync(scene.current.objects, { recursive: true, mode: 0o700 });
        // In a mount namespace of its own: nothing of it is left, whatever happens.
        const { status, signal, stdout, stderr } = spawnSync(
          'unshare',
          ['-m', 'sh', '-c', shell, 'sh', process.execPath, ...program, ...args],
          {
            encoding: 'utf8',
            timeout: 60_000,
            env: environment(scene.current, { SONDE_REQUIRE: undefined, SONDE_FUNCTIONS: '**' }),
          },
        );
        const faults =
          status === 0 && stderr === ''
            ? judge(JSON.parse(stdout), why, scene.current.objects)
            : [`it ended with ${signal ?? status}: ${stderr}`];
        wrong.push(...faults.map((fault) => `${name}, ${what}: ${fault}`));
        goals.add(`${name}, ${what}`, { name: 'things that were wrong', measured: faults.length, exactly: 0 });
      }
    }
    goals.check(wrong.join('\n'));
  }
});

function judge({ results, providers, descriptors }: Told, why: RegExp, objects: string): string[] {
  const faults: string[] = [];
  try {
    assert.deepEqual(results, RESULTS);
  } catch (error) {
    faults.push((error as Error).message);
  }
  for (const { location, reason } of providers) {
    if (location?.startsWith(objects)) continue;
    if (!why.test(reason ?? '')) faults.push(`probes are at ${location}, and the reason is ${reason}`);
  }
  if (descriptors !== 0) faults.push(`${descriptors} descriptors more are open`);
  return faults;
}
