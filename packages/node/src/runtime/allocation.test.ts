import assert from 'node:assert/strict';
import inspector, { Session } from 'node:inspector';
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import v8 from 'node:v8';
import { type Provider, provider } from 'sonde';
import { type Recorder, record } from 'sonde/testing';
import { getAddon } from '../addon.js';
import { allocationProbes } from '../probes.js';
import { watchAllocation, whyNoSamples } from './allocation.js';

/** Of a collection of the whole heap. */
const WHOLE = 4;
/** Longer than from one look at the samples to the next. */
const A_WHILE = 400;

/** Where it is not compiled for this Node.js, which test/nodes does. */
const hasAddon = (() => {
  try {
    return Boolean(getAddon());
  } catch {
    return false;
  }
})();

describe('watchAllocation', () => {
  let node: Provider<typeof allocationProbes>;
  let recorder: Recorder;
  let session: Session;

  before(() => {
    node = provider('memory', allocationProbes);
    watchAllocation(node);
  });
  after(() => node.unload());
  beforeEach(() => {
    session = new Session();
    session.connect();
  });
  afterEach(async () => {
    session.disconnect();
    recorder.stop();
    // Until it is off.
    await setTimeout(120);
    assert.equal(whyNoSamples(), undefined);
  });

  /** What the program's own sampling has of this function. */
  const ownBytes = (name: string): number => {
    let bytes = 0;
    session.post('HeapProfiler.stopSampling', (error, result) => {
      assert.equal(error, null);
      const visit = ({ callFrame, selfSize, children }: inspector.HeapProfiler.SamplingHeapProfileNode) => {
        if (callFrame.functionName === name) bytes += selfSize;
        children.forEach(visit);
      };
      visit(result.profile.head);
    });
    return bytes;
  };

  if (!hasAddon) {
    it('is inactive without the addon, and tells why', async () => {
      recorder = record();
      await setTimeout(A_WHILE);
      assert.match(whyNoSamples()!, /has no addon for Node\.js/);
    });
    return;
  }

  it('tells who allocates, and has the heap collected for nothing', async () => {
    const collections: number[] = [];
    const observer = new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries() as unknown as { detail: { kind: number } }[])
        collections.push(detail.kind);
    });
    observer.observe({ entryTypes: ['gc'] });
    recorder = record();
    for (let i = 0; i < 10; i++) {
      await setTimeout(A_WHILE / 2);
      keep(100_000);
    }
    await setTimeout(A_WHILE);
    observer.disconnect();
    const bytes = recorder
      .of('memory', 'alloc__sample')
      .filter(({ values }) => values.function === 'keep')
      .reduce((sum, { values }) => sum + Number(values.bytes), 0);
    assert.ok(bytes > 10e6, `${bytes} bytes`);
    // It was looked at eight times and more.
    const whole = collections.filter((kind) => kind === WHOLE).length;
    assert.ok(whole < 5, `${whole} collections of the whole heap`);
  });

  it('leaves a program its own samples, and tells why it is inactive', async () => {
    session.post('HeapProfiler.startSampling');
    recorder = record();
    await setTimeout(A_WHILE);
    assert.match(whyNoSamples()!, /^the program samples its heap itself: /);
    keep(100_000);
    assert.ok(ownBytes('keep') > 1e6);
  });

  it('lets go when the program begins to sample its heap', async () => {
    recorder = record();
    await setTimeout(A_WHILE);
    assert.equal(whyNoSamples(), undefined);
    session.post('HeapProfiler.startSampling');
    assert.match(whyNoSamples()!, /^the program samples its heap itself: /);
    await setTimeout(A_WHILE);
    keep(100_000);
    assert.ok(ownBytes('keep') > 1e6);
  });

  it('lets go when the program begins to by node:v8, where that can', async () => {
    const { startHeapProfile } = v8 as { startHeapProfile?: () => { stop(): string } };
    recorder = record();
    await setTimeout(A_WHILE);
    if (!startHeapProfile) return assert.ok(Number.parseInt(process.versions.node, 10) < 26);
    const profile = (v8 as unknown as { startHeapProfile: typeof startHeapProfile }).startHeapProfile();
    keep(100_000);
    assert.match(profile.stop(), /"keep"/);
    assert.match(whyNoSamples()!, /^the program samples its heap itself: /);
  });

  it('lets go when a debugger may come, whose samples they would be', async () => {
    recorder = record();
    await setTimeout(A_WHILE);
    inspector.open(0, '127.0.0.1');
    const reason = whyNoSamples();
    inspector.close();
    assert.match(reason!, /^a debugger can come by ws:/);
  });
});

const kept: unknown[] = [];

function keep(count: number): void {
  kept.length = 0;
  for (let i = 0; i < count; i++) kept.push({ i, list: [i] });
}
