import assert from 'node:assert/strict';
import inspector from 'node:inspector';
import { setTimeout } from 'node:timers/promises';
import { provider } from 'sonde';
import { record } from 'sonde/testing';
import { errorProbes, watchErrors, whyNoExceptions } from './errors.js';

describe('watchErrors', () => {
  it('does nothing about exceptions where a debugger may come, and tells so until a tracer attaches anew', async () => {
    const node = provider('errors', errorProbes);
    watchErrors(node);
    assert.equal(whyNoExceptions(), undefined);
    inspector.open(0, '127.0.0.1');
    try {
      assert.match(whyNoExceptions()!, /^a debugger can come by ws:.*: close it/);
      const first = record();
      await setTimeout(120);
      throwAndCatch();
      assert.deepEqual(first.fired, []);
      inspector.close();
      assert.match(whyNoExceptions()!, /attach again$/);
      first.stop();
      await setTimeout(120);
    } finally {
      inspector.close();
    }
    assert.equal(whyNoExceptions(), undefined);
    const second = record();
    await setTimeout(120);
    throwAndCatch();
    const probes = second.fired.map(({ probe }) => probe);
    second.stop();
    node.unload();
    await setTimeout(120);
    assert.ok(probes.includes('exception__thrown'), probes.join());
  });
});

function throwAndCatch(): void {
  try {
    throw new Error('caught');
  } catch {
    // As programs do.
  }
}
