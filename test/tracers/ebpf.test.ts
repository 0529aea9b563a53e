// What a probe object of the backend ebpf is to tools: functions, and nothing that needs to know
// USDT.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { readNotes } from '@sonde/elf';
import { listedFunctions } from '../support/bpftrace.js';
import { useScene } from '../support/scene.js';
import { cannotTest, needsRoot, needsTools } from '../support/tools.js';
import { run } from '../support/tracer.js';

describe('ebpf', function () {
  this.timeout(60_000);
  const scene = useScene({ SONDE_BACKEND: 'ebpf' });

  before(function () {
    if (process.platform !== 'linux') cannotTest(this, `this is ${process.platform}, not Linux`);
  });

  it('tells in status() which uprobe each probe is', async () => {
    const { backend, providers } = await (await scene.current.program()).call('status');
    assert.equal(backend, 'ebpf');
    const [{ location, probes }] = providers as [(typeof providers)[0]];
    assert.deepEqual(
      probes.map(({ name, tracer }) => [name, tracer]),
      ['session__start', 'session__done'].map((name) => [name, `uprobe:${location}:smtp_${name}`]),
    );
  });

  it('tells in status() why there are no user events, where the kernel has none', async function () {
    needsRoot(this);
    const { providers } = await (await scene.current.program()).call('status');
    const kernelHas = existsSync('/sys/kernel/tracing/user_events_data');
    for (const { name: provider, reason = '', probes } of providers) {
      assert.match(reason, kernelHas ? /^$/ : /^no user events: .*user_events_data/);
      for (const { name, event } of probes) {
        if (kernelHas) assert.match(event ?? 'no event', new RegExp(`\\buser_events:${provider}_${name}$`));
        else assert.equal(event, undefined);
      }
    }
  });

  it('makes objects without SDT notes', async function () {
    needsTools(this, 'readelf');
    const object = await (await scene.current.program()).object();
    assert.deepEqual(readNotes(await readFile(object)), []);
    const owners = (await run('readelf', ['--notes', object])).match(/^ {2}\w+(?= +0x)/gm);
    assert.deepEqual(owners, ['  GNU', '  sonde']);
  });

  it('makes functions that bpftrace lists, and no USDT probes', async function () {
    needsTools(this, 'bpftrace');
    needsRoot(this);
    const object = await (await scene.current.program()).object();
    assert.equal(await run('bpftrace', ['-l', `usdt:${object}:*`]), '');
    assert.equal(await run('bpftrace', ['-lv', `uprobe:${object}:*`]), listedFunctions(object));
  });
});
