// What it takes to start, in instructions of the whole process: the same from run to run, unlike
// time. Limits are tight, so that nobody makes a start slower without knowing. Who makes it quicker
// lowers them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { needsNode } from '../support/npm-packages.js';
import { needsTools } from '../support/tools.js';

const program = (name: string) => fileURLToPath(new URL(`${name}-program.cjs`, import.meta.url));
const REGISTER = fileURLToPath(new URL('register.cjs', import.meta.resolve('@sonde/node/register')));

/**
 * Millions of instructions more than of a program that does nothing: of Node.js 20 on x64, which
 * takes some 500 for that; and 4 % more, since its own versions differ.
 */
const LIMITS: Record<string, [parameters: string[], millions: number]> = {
  "require('sonde') and a provider of ten probes": [[program('ten')], 60],
  '@sonde/node/register': [['--require', REGISTER, program('empty')], 74],
};

/** V8 with one thread and without its compilers, which do the same each time then. */
const STEADY = ['--jitless', '--single-threaded', '--no-opt', '--hash-seed=1'];

describe('instructions of a start', function () {
  this.timeout(120_000);
  let folder: string;
  let node: string;
  let nothing: number;

  before(function () {
    needsTools(this, 'valgrind');
    node = needsNode(this, 20);
    folder = mkdtempSync(join(tmpdir(), 'sonde-instructions-'));
    nothing = count([program('empty')]);
  });

  after(() => folder && rmSync(folder, { recursive: true }));

  const count = (parameters: readonly string[]): number => {
    const valgrind = ['--tool=cachegrind', '--cache-sim=no', '--cachegrind-out-file=/dev/null'];
    const { status, stderr } = spawnSync('valgrind', [...valgrind, node, ...STEADY, ...parameters], {
      encoding: 'utf8',
      env: { ...process.env, SONDE_DIR: join(folder, 'objects'), NODE_OPTIONS: '' },
    });
    assert.equal(status, 0, stderr);
    return Number(/I\s+refs:\s+([\d,]+)/.exec(stderr)![1]!.replaceAll(',', '')) / 1e6;
  };

  for (const [what, [parameters, most]] of Object.entries(LIMITS)) {
    it(`${what}: at most ${most} million`, () => {
      // The first time, the object is written.
      count(parameters);
      const millions = count(parameters) - nothing;
      console.log(`      ${millions.toFixed(1)} million instructions more than the ${nothing.toFixed(0)} of nothing`);
      assert.ok(millions <= most, `${millions} million instructions, more than ${most}`);
      assert.ok(millions > most * 0.85, `${millions} million instructions: lower the limit of ${most}`);
    });
  }
});
