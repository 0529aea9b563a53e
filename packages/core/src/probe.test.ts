import assert from 'node:assert/strict';
import { defineProbe } from './definition.js';
import { createProbe } from './probe.js';

describe('a probe', () => {
  it('lets go of the flag that it had when it is disconnected', () => {
    const flag = Uint8Array.of(1);
    const loaded = { offset: 0, resting: 0x90, tracer: 't', flag, fire() {} };
    const [probe, control] = createProbe({}, defineProbe('p', []), Uint8Array.of(0x90), loaded);
    const holdsFlag = () => Reflect.ownKeys(probe).some((key) => Reflect.get(probe, key) === flag);
    assert.ok(probe.enabled && holdsFlag());
    control.disconnect();
    assert.ok(!probe.enabled && !holdsFlag());
    control.connect(Uint8Array.of(0x90), loaded);
    assert.ok(probe.enabled && holdsFlag());
  });
});
