// Libraries that only ship probes depend on @sonde/core; each program here is a process of its own
// with one or two copies of it, of which the application's `sonde` has another inside.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const resolve = (name: string) => fileURLToPath(import.meta.resolve(name));

describe('a library that depends on @sonde/core alone', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-libraries-'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    for (const name of ['first', 'second']) {
      cpSync(dirname(resolve('@sonde/core')), join(folder, name, 'core'), { recursive: true });
      writeFileSync(
        join(folder, name, 'index.js'),
        `import { provider, string, status } from './core/index.js';
         export const probes = provider('${name}', { used: [string('how')] });
         export { status };`,
      );
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Runs a program in the folder and returns what it prints, which is JSON. */
  function run(program: string, env: NodeJS.ProcessEnv = {}, file = 'program.js') {
    writeFileSync(join(folder, file), program);
    const { stdout, stderr, status } = spawnSync(process.execPath, [join(folder, file)], {
      encoding: 'utf8',
      env: { ...process.env, SONDE_DIR: join(folder, 'objects'), SONDE_BACKEND: '', DEBUG: '', ...env },
    });
    assert.equal(stderr, '');
    assert.equal(status, 0);
    return JSON.parse(stdout);
  }
  const sonde = JSON.stringify(resolve('sonde'));
  const alive = process.platform === 'linux';
  const told = `JSON.stringify(status().providers.map(({ name, probes }) => [name, probes[0].tracer !== '']))`;

  it('is inactive without the application’s help, and status says why', () => {
    const { enabled, status } = run(`
      import { probes, status } from './first/index.js';
      probes.used.fire('inactive');
      console.log(JSON.stringify({ enabled: probes.used.enabled, status: status() }));`);
    assert.equal(enabled, false);
    assert.deepEqual(status, {
      backend: 'noop',
      requested: 'auto',
      reason: "no backend is registered: the application does not import 'sonde'",
      providers: [
        {
          name: 'first',
          reason: "no backend is there: import 'sonde' in the application, the probes come alive then",
          probes: [{ name: 'used', tracer: '', enabled: false, errors: 0 }],
        },
      ],
    });
  });

  const libraries = `import { probes as first } from './first/index.js'; import { probes as second } from './second/index.js';`;
  const application = `import { status } from ${sonde};`;
  for (const [when, imports] of Object.entries({
    'imports sonde after it': libraries + application,
    'imported sonde before it': application + libraries,
  })) {
    it(`comes alive when the application ${when}`, () => {
      const list = run(`${imports} first.used.fire('x'); second.used.fire('y'); console.log(${told});`);
      assert.deepEqual(list, [
        ['first', alive],
        ['second', alive],
      ]);
    });
  }

  it('is told of by the status of any copy, and withdrawn from all', () => {
    const list = run(`
      import ${sonde};
      import { probes as first } from './first/index.js';
      import { status } from './second/index.js';
      first.unload();
      console.log(${told});`);
    assert.deepEqual(list, [['second', alive]]);
  });

  it('is recorded by a recorder of any copy', () => {
    const fired = run(`
      import ${sonde};
      import { probes as first } from './first/index.js';
      import { record } from './second/core/testing.js';
      const recorder = record();
      first.used.fire('recorded');
      recorder.stop();
      console.log(JSON.stringify([recorder.fired, first.used.enabled]));`);
    assert.deepEqual(fired, [[{ provider: 'first', probe: 'used', values: { how: 'recorded' } }], false]);
  });

  it('takes ids for operations that are unique over all copies and threads', () => {
    const ids = run(`
      import { Worker, isMainThread, parentPort } from 'node:worker_threads';
      import * as first from './first/core/index.js';
      import * as second from './second/core/index.js';
      import { record } from './second/core/testing.js';
      const recorder = record();
      for (const { provider, operation } of [first, second, first]) {
        provider('jobs', { job: operation() }).job.run([], () => {});
      }
      const ids = recorder.of('jobs', 'job__start').map(({ values }) => values.id);
      if (isMainThread) new Worker(new URL(import.meta.url)).once('message', (more) => console.log(JSON.stringify([...ids, ...more])));
      else parentPort.postMessage(ids);`);
    assert.deepEqual(ids, [1, 2, 3, 2 ** 32 + 1, 2 ** 32 + 2, 2 ** 32 + 3]);
  });

  it('may be used, as sonde may, from CommonJS', () => {
    const list = run(
      `const { provider, string, status } = require(${sonde});
       require('./first/index.js');
       provider('own', { probe: [string('s')] }).probe.fire('x');
       console.log(${told});`,
      {},
      'program.cjs',
    );
    assert.deepEqual(list, [
      ['first', alive],
      ['own', alive],
    ]);
  });

  it('obeys SONDE_BACKEND and the application’s package.json', () => {
    const program = `
      import { status } from ${sonde};
      import './first/index.js';
      const { backend, requested, reason } = status();
      console.log(JSON.stringify([backend, requested, reason]));`;
    assert.deepEqual(run(program, { SONDE_BACKEND: 'noop' }), ['noop', 'noop', null]);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module", "sonde": { "backend": "noop" } }');
    assert.deepEqual(run(program), ['noop', 'noop', null]);
    assert.deepEqual(run(program, { SONDE_BACKEND: 'auto' })[1], 'auto');
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  });

  it('tells what happens under DEBUG=sonde:*, on standard error', () => {
    writeFileSync(join(folder, 'program.js'), `import ${sonde}; import './first/index.js';`);
    const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'program.js')], {
      encoding: 'utf8',
      env: { ...process.env, SONDE_DIR: join(folder, 'objects'), SONDE_BACKEND: '', DEBUG: 'sonde:*' },
    });
    assert.equal(stdout, '');
    assert.match(stderr, /sonde:select auto was asked for, \w+ runs/);
    if (alive) assert.match(stderr, /sonde:select provider first is at .*first-[0-9a-f]{40}\.so/);
  });

  it('loads no addon, opens no file and selects nothing until a provider is defined', () => {
    const { objects, addon } = run(
      `import ${sonde};
       import { existsSync } from 'node:fs';
       const { sharedObjects } = process.report.getReport();
       console.log(JSON.stringify({
         objects: existsSync(process.env.SONDE_DIR),
         addon: sharedObjects.some((path) => path.endsWith('sonde.node')),
       }));`,
      { SONDE_DIR: join(folder, 'never') },
    );
    assert.deepEqual([objects, addon], [false, false]);
  });
});
