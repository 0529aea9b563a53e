import assert from 'node:assert/strict';
import { int32 } from './arguments.js';
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

  it('may have its methods bound, whatever it is connected to then and later', () => {
    const fired: unknown[] = [];
    const fire = (...values: unknown[]) => fired.push(...values);
    const backend = (resting: number, flag?: Uint8Array) => ({
      offset: 0,
      resting,
      tracer: 't',
      fire,
      ...(flag && { flag }),
    });
    const [[probe, control]] = createProbes({}, [defineProbe('p', [int32('i')])]) as [
      ReturnType<typeof createProbes>[0],
    ];
    type Bound = [(value: number) => void, (values: () => unknown) => void];
    const bind = () => [probe.fire.bind(probe), probe.fireWith.bind(probe)] as unknown as Bound;
    const code = Uint8Array.of(0x90);
    const flag = Uint8Array.of(0);
    const bound: Bound[] = [];
    const shows = (value: number, isEnabled: boolean) => {
      bound.push(bind());
      for (const [fire, fireWith] of bound) {
        fired.length = 0;
        fire(value);
        fireWith(() => [value]);
        assert.deepEqual(fired, isEnabled ? [value, value] : []);
      }
    };
    shows(1, false);
    control.connect(watchable(code), backend(0x90, flag));
    shows(2, false);
    code[0] = 0xcc;
    shows(3, true);
    control.disconnect();
    shows(4, false);
    control.connect(watchable(Uint8Array.of(1)), backend(0));
    shows(5, true);
  });
});
