import assert from 'node:assert/strict';
import { int32 } from './arguments.js';
import { defineProbe } from './definition.js';
import { createProbes, watchable, watched } from './probe.js';

describe('a probe', () => {
  it('lets go of the flag that it had when it is disconnected', () => {
    const flag = Uint8Array.of(1);
    const loaded = { offset: 0, untraced: 0x90, tracer: 't', flag, fire() {} };
    const connection = { code: Uint8Array.of(0x90), probes: [loaded] };
    const [[probe, control]] = createProbes({}, [defineProbe('p', [])], connection) as [
      ReturnType<typeof createProbes>[0],
    ];
    const holdsFlag = () => watched(probe).some(({ memory }) => (memory as Int8Array).buffer === flag.buffer);
    assert.ok(probe.enabled && holdsFlag());
    control.unbind();
    assert.ok(!probe.enabled && !holdsFlag());
    control.bind(watchable(Uint8Array.of(0x90)), loaded);
    assert.ok(probe.enabled && holdsFlag());
  });

  it('shows nothing of what it watches to whoever looks at its properties', () => {
    const loaded = { offset: 0, untraced: 0x90, tracer: 't', flag: Uint8Array.of(1), fire() {} };
    const [[probe]] = createProbes({}, [defineProbe('p', [])], { code: Uint8Array.of(0x90), probes: [loaded] }) as [
      ReturnType<typeof createProbes>[0],
    ];
    const seen = new Set<unknown>();
    const walk = (value: unknown): void => {
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return;
      seen.add(value);
      for (const key of Reflect.ownKeys(value)) walk(Object.getOwnPropertyDescriptor(value, key)!.value);
      walk(Object.getPrototypeOf(value));
    };
    walk(probe);
    assert.ok(![...seen].some((value) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer));
    assert.deepEqual([structuredClone(probe), JSON.stringify(probe), Reflect.ownKeys(probe)], [{}, '{}', []]);
  });

  it('stays what it was when it was frozen, and can be bound all the same', () => {
    const connection = (untraced: number) => ({ offset: 0, untraced, tracer: 't', fire: () => fired++ });
    let fired = 0;
    const [[probe, control]] = createProbes({}, [defineProbe('p', [])]) as [ReturnType<typeof createProbes>[0]];
    Object.freeze(probe);
    for (const untraced of [0x90, 0x0f, 0]) {
      const code = Uint8Array.of(untraced);
      control.bind(watchable(code), connection(untraced));
      probe.fire();
      assert.deepEqual([probe.enabled, fired], [false, 0], `${untraced}`);
      code[0] = 0xcc;
      probe.fire();
      probe.fireWith(() => []);
      assert.deepEqual([probe.enabled, fired], [true, 2]);
      control.unbind();
      probe.fire();
      assert.deepEqual([probe.enabled, fired], [false, 2]);
      fired = 0;
    }
  });

  it('is disabled through a Proxy, and does nothing as a method of what is no probe', () => {
    const loaded = { offset: 0, untraced: 0, tracer: 't', fire: () => assert.fail('fired') };
    const [[probe]] = createProbes({}, [defineProbe('p', [])], { code: Uint8Array.of(1), probes: [loaded] }) as [
      ReturnType<typeof createProbes>[0],
    ];
    const proxy = new Proxy(probe, {});
    proxy.fire();
    proxy.fireWith(() => assert.fail('asked'));
    assert.equal(proxy.enabled, false);
    const { fire } = probe;
    for (const other of [undefined, null, {}, 'text']) assert.equal(Reflect.apply(fire, other, []), undefined);
  });

  it('may have its methods bound, whatever it is bound to then and later', () => {
    const fired: unknown[] = [];
    const fire = (...values: unknown[]) => fired.push(...values);
    const backend = (untraced: number, flag?: Uint8Array) => ({
      offset: 0,
      untraced,
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
    control.bind(watchable(code), backend(0x90, flag));
    shows(2, false);
    code[0] = 0xcc;
    shows(3, true);
    control.unbind();
    shows(4, false);
    control.bind(watchable(Uint8Array.of(1)), backend(0));
    shows(5, true);
  });
});
