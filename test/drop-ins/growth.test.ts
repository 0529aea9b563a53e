// Probes and providers that come and go, for as long as a program runs: nothing is kept of what is
// gone, and what one more of them takes does not depend on how many there were. Counted, since time
// and what other tests leave in the heap differ from run to run.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { told } from '../support/run-node.js';
import { useScene } from '../support/scene.js';

const require = createRequire(import.meta.url);

/** How often a scenario is done until the first look, and until the second. */
const FIRST = 3_000;
const SECOND = 13_000;

/**
 * Bytes of heap that may be more at the second look: what V8 keeps for itself. A definition that
 * was kept would be 300 bytes, and more.
 */
const NOISE = 400_000;

interface Look {
  heap: number;
  /** Of sonde's providers: those that were loaded and not unloaded. */
  loaded: number;
  /** Elements of lists, maps and sets that were looked at in the last thousand times. */
  steps: number;
}

/** Each is done again and again, with a number that counts up. */
const SCENARIOS: Record<string, { setUp?: string; each: string; stay?: number; grows?: boolean }> = {
  'a probe comes, its provider is enabled and disabled, and it goes': {
    setUp: `const provider = createDTraceProvider('app');`,
    each: `
      const probe = provider.addProbe('probe' + i, 'int');
      provider.enable();
      provider.disable();
      provider.removeProbe(probe);`,
  },
  'a probe comes to a provider that is enabled, fires and goes, while another stays': {
    setUp: `const provider = createDTraceProvider('app'); provider.addProbe('stays'); provider.enable();`,
    each: `
      const probe = provider.addProbe('probe' + i, 'int');
      probe.fire(() => [1]);
      provider.removeProbe(probe);`,
    stay: 1,
  },
  'a probe comes, is there at the next turn, and goes, while another of its name stays': {
    setUp: `const provider = createDTraceProvider('app'); provider.addProbe('probe'); provider.enable();`,
    each: `
      const types = Array.from({ length: 12 }, (_, bit) => (i >> bit) & 1 ? 'int' : 'json');
      const probe = provider.addProbe('probe', ...types);
      await null;
      provider.removeProbe(probe);`,
    stay: 1,
  },
  'a probe comes and goes before it is there': {
    setUp: `const provider = createDTraceProvider('app'); provider.addProbe('stays'); provider.enable();`,
    each: `provider.removeProbe(provider.addProbe('probe' + i, 'int'));`,
    stay: 1,
  },
  'a provider is enabled and disabled': {
    setUp: `const provider = createDTraceProvider('app'); for (const type of ['int', 'json']) provider.addProbe('probe', type);`,
    each: 'provider.enable(); provider.disable();',
  },
  'a provider of a name of its own, which tracers cannot carry, is disabled': {
    each: `
      const provider = createDTraceProvider('my app ' + i, 'my module ' + i);
      provider.addProbe('GET /', 'int').fire(() => []);
      provider.enable();
      provider.disable();`,
  },
  'a provider of a name of its own is let go of while it is enabled': {
    each: `
      const provider = createDTraceProvider('app_' + i + '_');
      provider.addProbe('probe', 'int');
      provider.enable();
      provider.addProbe('late').fire(() => []);`,
  },
  'a provider of one name, of a definition of its own, is let go of while it is enabled': {
    each: `
      const provider = createDTraceProvider('app');
      provider.addProbe('probe' + i, 'int');
      provider.enable();`,
  },
  'a provider of usdt is let go of while it is enabled': {
    each: `
      const provider = new USDTProvider('app');
      provider.enable();
      provider.addProbe('probe' + i, 'int').fire(() => [1]);`,
  },
  'a probe comes, fires and stays': {
    setUp: `const provider = createDTraceProvider('app'); provider.addProbe('stays'); provider.enable();`,
    each: `provider.addProbe('probe' + i, 'int').fire(() => []);`,
    grows: true,
  },
  'a probe goes, of as many as there are': {
    setUp: `
      const provider = createDTraceProvider('app');
      const probes = Array.from({ length: ${SECOND} + 1 }, (_, i) => provider.addProbe('probe' + i, 'int'));
      provider.enable();`,
    each: 'provider.removeProbe(probes[i]);',
    grows: true,
  },
};

describe('Of what comes and goes, the drop-ins', function () {
  this.timeout(120_000);
  const scene = useScene();

  for (const [what, { setUp = '', each, stay = 0, grows = false }] of Object.entries(SCENARIOS)) {
    it(`keep nothing: ${what}`, () => {
      const [first, second] = told<[Look, Look]>(scene.current, [
        '--expose-gc',
        '--input-type=module',
        '-e',
        program(setUp, each),
      ]);
      assert.ok(second.steps <= first.steps * 1.5, `${first.steps} elements looked at, then ${second.steps}`);
      if (grows) return;
      assert.ok(second.heap - first.heap < NOISE, `${second.heap - first.heap} bytes more`);
      // V8 may hold on to the last one or two for a while.
      assert.ok(second.loaded >= stay && second.loaded <= stay + 3, `${second.loaded} are loaded`);
    });
  }
});

function program(setUp: string, each: string): string {
  return `
    import { createRequire } from 'node:module';
    import { registerBackends } from ${JSON.stringify(import.meta.resolve('@sonde/core/internal'))};

    let loaded = 0;
    const load = ({ probes }) => {
      loaded++;
      const probe = { offset: 0, untraced: 0, tracer: '', fire() {} };
      let isLoaded = true;
      const unload = () => {
        if (isLoaded) loaded--;
        isLoaded = false;
      };
      return { code: Uint8Array.of(0), probes: probes.map(() => probe), unload };
    };
    registerBackends({ table: { systemtap: () => ({ load }), noop: () => ({ load }) }, buildDefault: () => 'auto' });

    let steps = 0;
    for (const list of [[], new Map(), new Set()]) {
      const iterator = Object.getPrototypeOf(list[Symbol.iterator]());
      const { next } = iterator;
      iterator.next = function () {
        steps++;
        return Reflect.apply(next, this, []);
      };
    }
    for (const name of ['every', 'filter', 'find', 'findIndex', 'flatMap', 'forEach', 'includes', 'indexOf', 'map', 'reduce', 'slice', 'some', 'splice']) {
      const method = Array.prototype[name];
      Array.prototype[name] = function (...args) {
        steps += this.length;
        return Reflect.apply(method, this, args);
      };
    }

    const require = createRequire(import.meta.url);
    const { createDTraceProvider } = require(${JSON.stringify(require.resolve('@sonde/dtrace-provider'))});
    const { USDTProvider } = require(${JSON.stringify(require.resolve('@sonde/usdt'))});
    // Often, so that V8's own tables of what is to be collected stay small.
    const collect = () => {
      gc();
      return new Promise((resolve) => setImmediate(resolve));
    };
    ${setUp}
    const looks = [];
    for (let i = 0; i < ${SECOND}; i++) {
      { ${each} }
      if (i % 200 === 0) await collect();
      if (i === ${FIRST} - 1000 || i === ${SECOND} - 1000) steps = 0;
      if (i !== ${FIRST} - 1 && i !== ${SECOND} - 1) continue;
      const counted = steps;
      for (let times = 0; times < 5; times++) await collect();
      looks.push({ heap: process.memoryUsage().heapUsed, loaded, steps: counted });
    }
    console.log(JSON.stringify(looks));`;
}
