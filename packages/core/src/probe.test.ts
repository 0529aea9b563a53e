import assert from 'node:assert/strict';
import { defineProbe } from './definition.js';
import { createProbes, watchable } from './probe.js';

describe('a probe', () => {
  it('lets go of the flag that it had when it is disconnected', () => {
    const flag = Uint8Array.of(1);
    const loaded = { offset: 0, resting: 0x90, tracer: 't', flag, fire() {} };
    const connection = { code: Uint8Array.of(0x90), probes: [loaded] };
    const [[probe, control]] = createProbes({}, [defineProbe('p', [])], connection) as [
      ReturnType<typeof createProbes>[0],
    ];
    const holdsFlag = () => Reflect.ownKeys(probe).some((key) => Reflect.get(probe, key)?.buffer === flag.buffer);
    assert.ok(probe.enabled && holdsFlag());
    control.disconnect();
    assert.ok(!probe.enabled && !holdsFlag());
    control.connect(watchable(Uint8Array.of(0x90)), loaded);
    assert.ok(probe.enabled && holdsFlag());
  });
});
