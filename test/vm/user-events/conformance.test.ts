import { runConformance } from '../../conformance/process.js';

const FEW_WORKERS = { SONDE_TEST_ROUNDS: '2' };

describe('The conformance suite', () => {
  it('passes on ebpf, by its user events', function () {
    this.timeout(300_000);
    runConformance(new URL('run-conformance.js', import.meta.url), { backend: 'ebpf', env: FEW_WORKERS });
  });

  it('passes on ebpf, by its stubs, where there are user events too', function () {
    this.timeout(300_000);
    runConformance(new URL('../../conformance/run.js', import.meta.url), { backend: 'ebpf', env: FEW_WORKERS });
  });
});
