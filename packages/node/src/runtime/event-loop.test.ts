import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

describe('watchEventLoop', () => {
  it('sees slow callbacks also where a tracer was there before the main script', () => {
    const program = `
      const { provider } = require('sonde');
      const { record } = require('sonde/testing');
      const { eventLoopProbes } = require(${JSON.stringify(new URL('../probes.js', import.meta.url).pathname)});
      const { watchEventLoop } = require(${JSON.stringify(new URL('event-loop.js', import.meta.url).pathname)});
      const recorder = record();
      watchEventLoop(provider('loop', eventLoopProbes));
      setTimeout(() => {
        const end = performance.now() + 30;
        while (performance.now() < end);
      }, 10);
      setTimeout(() => console.log(recorder.fired.some(({ probe, values }) => probe === 'loop__slow' && values.ns >= 29e6)), 80);`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], {
      cwd: new URL('.', import.meta.url),
      timeout: 20_000,
      encoding: 'utf8',
    });
    assert.equal(stdout, 'true\n', stderr);
  });
});
