import assert from 'node:assert/strict';
import { Session } from 'node:inspector';
import { setTimeout } from 'node:timers/promises';
import { provider } from 'sonde';
import { record } from 'sonde/testing';
import { allocationProbes, watchAllocation, whyNoSamples } from './allocation.js';

describe('watchAllocation', () => {
  it('leaves a program its own samples, and tells why it rests', async () => {
    const session = new Session();
    session.connect();
    session.post('HeapProfiler.startSampling');
    const recorder = record();
    const node = provider('memory', allocationProbes);
    watchAllocation(node);
    // Longer than from one look at the samples to the next.
    await setTimeout(400);
    assert.match(whyNoSamples()!, /^the program samples its heap itself: /);
    recorder.stop();
    node.unload();
    // Until it is off.
    await setTimeout(120);
    assert.equal(whyNoSamples(), undefined);
    let failure: Error | null | undefined;
    session.post('HeapProfiler.stopSampling', (error) => {
      failure = error;
    });
    assert.equal(failure, null);
    session.disconnect();
  });
});
