// A run of mocha, in a process of its own as people run it, with a test that fails.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Seen } from './seen.js';

const MOCHA = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');
const TESTS = `
const assert = require('assert');
describe('sums', function () {
  it('adds', () => assert.equal(1 + 1, 2));
  it('waits', async () => { await new Promise((resolve) => setTimeout(resolve, 5)); });
  it('fails', function fails() { deeper(() => assert.deepStrictEqual({ a: 1 }, { a: 2 })); });
  it('is rejected', async function () { await null; throw new TypeError('rejected'); });
});
function deeper(f) { return f(); }
`;

export async function run(): Promise<Seen> {
  const folder = mkdtempSync(join(tmpdir(), 'mocha-'));
  try {
    const file = join(folder, 'sums.test.cjs');
    writeFileSync(file, TESTS);
    const { status, stdout, stderr } = spawnSync(process.execPath, [MOCHA, '--no-config', '--slow=60000', file], {
      encoding: 'utf8',
      cwd: folder,
    });
    const cleaned = stdout.replaceAll(folder, 'FOLDER').replace(/\(\d+m?s\)/g, '(TIME)');
    return { results: { status, stdout: cleaned, stderr }, listeners: [] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
