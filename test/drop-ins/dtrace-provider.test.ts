// @sonde/dtrace-provider does what dtrace-provider does, row by row; and so does the original's
// stub, as far as it does anything.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as imported from '@sonde/dtrace-provider';
import { status } from 'sonde';
import { type Recorder, record } from 'sonde/testing';
import { needsPackage } from '../support/npm-packages.js';
import { told } from '../support/run-node.js';
import { useScene } from '../support/scene.js';
import { ABORTS, type Row, rows } from './interface.js';

const require = createRequire(import.meta.url);
const d: typeof imported = require('@sonde/dtrace-provider');

describe('@sonde/dtrace-provider', () => {
  let recorder: Recorder;

  beforeEach(() => {
    recorder = record();
  });

  afterEach(() => {
    recorder.stop();
  });

  const fired = () => recorder.fired.map(({ probe, values }) => [probe, ...Object.values(values)]);

  describe('does what dtrace-provider does', () => {
    for (const row of rows.filter(({ ours }) => !ours)) {
      it(row.what, () => assert.deepEqual(row.run({ d, fired }), comparable(row.original)));
    }
  });

  describe('does better', () => {
    for (const row of rows.filter(({ ours }) => ours)) {
      it(`${row.what}: ${row.ours!.because}`, () => {
        assert.deepEqual(row.run({ d, fired }), row.ours!.does);
        assert.notDeepEqual(row.ours!.does, row.original);
      });
    }
  });

  describe("the original's stub", function () {
    this.timeout(120_000);
    let stub: typeof d;

    before(function () {
      stub = require(needsPackage(this, 'dtrace-provider@0.8.8', 'dtrace-provider/dtrace-provider.js'));
      assert.equal(stub.DTraceProvider.name, 'DTraceProviderStub', 'its addon does not compile on this Node.js');
    });

    for (const row of rows) {
      it(`${isSame(row) ? 'does the same' : 'does something else'}: ${row.what}`, () => {
        assert.deepEqual(row.run({ d: stub, fired }), 'stub' in row ? row.stub : row.original);
      });
    }
  });

  it('is the same to ES modules', () => {
    assert.equal(imported.DTraceProvider, d.DTraceProvider);
    assert.equal(imported.createDTraceProvider, d.createDTraceProvider);
    assert.equal((imported as { default?: unknown }).default, d);
  });

  it('counts what callbacks and values were not right', () => {
    const provider = d.createDTraceProvider('counted');
    const probe = provider.addProbe('probe', 'json');
    provider.enable();
    probe.fire(() => [{}]);
    probe.fire(() => 7);
    probe.fire(() => {
      throw new Error('callback');
    });
    probe.fire(() => [7n]);
    const [counted] = status().providers.filter(({ name }) => name === 'counted');
    assert.deepEqual(
      counted!.probes.map(({ name, errors }) => [name, errors]),
      [['probe', 3]],
    );
    provider.disable();
  });

  it('makes one definition of what is there at enable, and one of what is added in a turn after that', async () => {
    const provider = d.createDTraceProvider('turns');
    for (const name of ['a', 'b']) provider.addProbe(name);
    provider.enable();
    for (const name of ['c', 'd']) provider.addProbe(name);
    assert.deepEqual(definitions('turns'), [['a', 'b']]);
    await null;
    provider.addProbe('a').fire(() => []);
    provider.addProbe('e').fire(() => []);
    assert.deepEqual(definitions('turns'), [['a', 'b'], ['c', 'd'], ['e']]);
    provider.disable();
    assert.deepEqual(definitions('turns'), []);
    provider.enable();
    assert.deepEqual(definitions('turns'), [['a', 'b', 'c', 'd', 'e']]);
    provider.disable();
  });

  it('withdraws a definition when its last probe is removed, and one that was disabled before its turn never comes', async () => {
    const provider = d.createDTraceProvider('removed');
    const [a, b] = [provider.addProbe('a'), provider.addProbe('b')];
    provider.enable();
    const late = provider.addProbe('late');
    provider.removeProbe(late);
    provider.removeProbe(a);
    await null;
    assert.deepEqual(definitions('removed'), [['a', 'b']]);
    provider.removeProbe(b);
    assert.deepEqual(definitions('removed'), []);
    provider.addProbe('c');
    provider.disable();
    await null;
    assert.deepEqual(definitions('removed'), []);
  });

  it('lets a probe keep its provider, and both fire from many providers of one name', () => {
    const probes = [1, 2].map(() => {
      const provider = d.createDTraceProvider('twice');
      const probe = provider.addProbe('probe', 'int');
      provider.enable();
      return probe;
    });
    probes.forEach((probe, index) => {
      assert.equal(
        probe.fire(() => [index]),
        true,
      );
    });
    assert.deepEqual(fired(), [
      ['probe', 0],
      ['probe', 1],
    ]);
    for (const { __prov__: provider } of probes) provider.disable();
  });

  it('lets a program freeze a probe, which then stays as it was', async () => {
    const provider = d.createDTraceProvider('frozen');
    const [before, other] = [Object.freeze(provider.addProbe('before')), provider.addProbe('other')];
    provider.enable();
    const late = Object.freeze(provider.addProbe('late'));
    await null;
    const after = Object.freeze(other);
    assert.deepEqual([before.fire(() => []), late.fire(() => []), after.fire(() => [])], [undefined, undefined, true]);
    provider.removeProbe(before);
    provider.disable();
    assert.deepEqual([late.fire(() => []), after.fire(() => [])], [undefined, undefined]);
  });

  describe('for DTrace, which takes no two probes of one function and name from a process', () => {
    const scene = useScene();

    it('gives those of other definitions another function, and those of the same the same', () => {
      const program = `
        import { createRequire } from 'node:module';
        import { registerBackends } from ${JSON.stringify(import.meta.resolve('@sonde/core/internal'))};
        const definitions = [];
        const load = ({ probes }) => {
          definitions.push(probes.map(({ name, function: place }) => [name, place].join(' ')));
          const loaded = { offset: 0, untraced: 0, tracer: '', fire() {} };
          return { code: Uint8Array.of(0), probes: probes.map(() => loaded), unload() {} };
        };
        registerBackends({ table: { systemtap: () => ({ load }), noop: () => ({ load }) }, buildDefault: () => 'auto' });
        const d = createRequire(import.meta.url)(${JSON.stringify(require.resolve('@sonde/dtrace-provider'))});
        const define = (...probes) => {
          const provider = d.createDTraceProvider('p');
          for (const probe of probes) provider.addProbe(...probe);
          provider.enable();
          return provider;
        };
        const providers = [
          define(['log-a', 'int'], ['log-a', 'char *'], ['b']),
          define(['b']),
          define(['log-a', 'int'], ['log-a', 'char *'], ['b']),
          define(['c']),
        ];
        // Most systems keep the probes of this one until the last definition goes.
        providers.pop().disable();
        providers.push(define(['c']), define(['c', 'int']), define(['c']), define(['log-a', 'int'], ['b']));
        for (const provider of providers) provider.disable();
        define(['c', 'int']);
        console.log(JSON.stringify(definitions));`;
      const definitions = told<string[][]>(scene.current, ['--input-type=module', '-e', program]);
      const distinctions = new Map<string, string>();
      const numbered = definitions.map((probes) =>
        probes.map((probe) =>
          probe.replace(/-[a-p]{12}$/, (found) => {
            distinctions.set(found, distinctions.get(found) ?? ` in ${distinctions.size + 1}`);
            return distinctions.get(found)!;
          }),
        ),
      );
      const first = [['log__a log-a', 'b b'], ['log__a log-a in 1']];
      assert.deepEqual(numbered, [
        ...first,
        ['b b in 2'],
        ...first,
        ['c c'],
        ['c c in 3'],
        ['c c in 4'],
        ['c c in 3'],
        ['log__a log-a', 'b b'],
        ['c c'],
      ]);
    });
  });

  function definitions(name: string): string[][] {
    return status()
      .providers.filter((provider) => provider.name === name)
      .map(({ probes }) => probes.map((probe) => probe.name));
  }
});

/** As the recorder has it: a number where a bigint is one. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function isSame(row: Row): boolean {
  return !('stub' in row) && row.original !== ABORTS;
}
