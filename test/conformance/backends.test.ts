import { runConformance } from './process.js';

/** Linux's backends run on Linux; `unwritable` makes them map probe objects from memory. */
const runs: { backend: string; how: string; unwritable?: boolean }[] = [{ backend: 'noop', how: 'as it is' }];
if (process.platform === 'linux') {
  for (const backend of ['systemtap', 'ebpf']) {
    runs.push({ backend, how: 'with probe objects in files' });
    runs.push({ backend, how: 'with probe objects in memory', unwritable: true });
  }
}

describe('conformance', () => {
  for (const { backend, how, unwritable } of runs) {
    it(`of ${backend}, ${how}`, function () {
      this.timeout(300_000);
      runConformance(new URL('run.js', import.meta.url), { backend, unwritable });
    });
  }
});
