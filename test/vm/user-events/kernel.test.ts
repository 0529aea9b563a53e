// Whether the virtual machine is what the other tests on it take for granted.
import assert from 'node:assert/strict';
import { appendFileSync, closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { useScene } from '../../support/scene.js';
import { needsRoot, needsTools } from '../../support/tools.js';
import { run } from '../../support/tracer.js';

const TRACEFS = '/sys/kernel/tracing';

describe('The kernel with user events', () => {
  const scene = useScene();

  before(function () {
    needsRoot(this);
  });

  it('lets user events be written', () => {
    closeSync(openSync(join(TRACEFS, 'user_events_data'), 'r+'));
  });

  it('makes a user event and tells its status', () => {
    const events = join(TRACEFS, 'dynamic_events');
    const event = 'sonde_kernel_test u32 value';
    appendFileSync(events, `u:${event}\n`);
    // Without its fields the kernel does not find it.
    scene.current.defer(() => appendFileSync(events, `-:${event}\n`));
    assert.match(readFileSync(join(TRACEFS, 'user_events_status'), 'utf8'), /^sonde_kernel_test$/m);
  });

  it('runs bpftrace', async function () {
    needsTools(this, 'bpftrace');
    assert.match(await run('bpftrace', ['-e', 'BEGIN { printf("begun\\n"); exit(); }']), /^begun$/m);
  });

  it('runs perf', async function () {
    needsTools(this, 'perf');
    const data = join(scene.current.folder, 'perf.data');
    await run('perf', ['record', '-o', data, '-e', 'dummy', 'true']);
    assert.match(await run('perf', ['script', '-i', data, '--show-task-events']), /PERF_RECORD_COMM exec: true:/);
  });
});
