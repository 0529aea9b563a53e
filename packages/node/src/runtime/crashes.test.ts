// What Node.js writes of an error that ends the program, with the line of source that it comes
// from, is the same while it is traced.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const WAYS: Record<string, string> = {
  'an exception': "throw new Error('no')",
  'a rejection': "Promise.reject(new Error('no'))",
  'a rejection of an async function': "(async () => { await null; throw new Error('no'); })()",
  'a rejection with a value': 'Promise.reject(7)',
  'a module that throws': "require('./throws.cjs')",
  'a module that is missing': "require('./missing.cjs')",
  'a name that is not found': "require('node:dns').promises.lookup('does-not-exist.invalid')",
  'an exception in a handler':
    "process.on('uncaughtException', () => { throw new Error('again') }); throw new Error('no')",
};

/** When the tracer is seen. */
const program = (way: string) => `
  setTimeout(() => {
    ${way};
  }, 150);`;

const tracer = `
  const { provider } = require('sonde');
  const { record } = require('sonde/testing');
  for (const [file, probes, watch] of [['errors', 'errorProbes', 'watchErrors'], ['modules', 'moduleProbes', 'watchModules'], ['dns', 'dnsProbes', 'watchDns']]) {
    const folder = ${JSON.stringify(new URL('.', import.meta.url).pathname)};
    const family = require(folder + file + '.js');
    family[watch](provider(file, require(folder + '../probes.js')[probes]));
  }
  record();`;

describe('Errors that end a program', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sonde-crashes-'));
    await writeFile(join(folder, 'throws.cjs'), "throw new Error('no');\n");
    // Where packages are found, not in the folder of the program.
    await writeFile(join(folder, 'tracer.cjs'), tracer);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const [what, way] of Object.entries(WAYS)) {
    it(`${what}: as it is written without a tracer`, async () => {
      const file = join(folder, 'program.cjs');
      await writeFile(file, program(way));
      const written = (...options: string[]) => {
        const { stderr, status } = spawnSync(process.execPath, [...options, file], {
          encoding: 'utf8',
          env: { ...process.env, NODE_PATH: new URL('../../node_modules', import.meta.url).pathname },
          timeout: 20_000,
        });
        const [place, source, caret, ...rest] = stderr.split('\n');
        return { status, place, source, caret, message: rest.find((line) => /^\w*Error|^\[/.test(line)) };
      };
      assert.deepEqual(written('--require', join(folder, 'tracer.cjs')), written());
    });
  }
});
