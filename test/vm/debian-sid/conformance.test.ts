// With the first instruction that suits this kernel.
import { runConformance } from '../../conformance/process.js';
import '../../tracers/raw-uprobe.test.js';

const FEW_WORKERS = { SONDE_TEST_ROUNDS: '2' };

describe('The conformance suite', () => {
  for (const backend of ['systemtap', 'ebpf']) {
    it(`passes on ${backend}, with the first instruction that suits this kernel`, function () {
      this.timeout(300_000);
      runConformance(new URL('../../conformance/run.js', import.meta.url), { backend, env: FEW_WORKERS });
    });
  }
});
