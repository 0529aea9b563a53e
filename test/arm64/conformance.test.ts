// The conformance suite on arm64, with the tracer inside the process: `npm run suite -- arm64` has
// compiled that for arm64, too.
import { fileURLToPath } from 'node:url';
import { runConformance } from '../conformance/process.js';
import { emulatedNode } from './emulated.js';

const SONDE_TEST_SELFTRACE = fileURLToPath(
  new URL('../../selftrace/prebuilds/linux-arm64/selftrace.glibc.node', import.meta.url),
);

describe('The conformance suite on arm64, Node.js 22', function () {
  this.timeout(300_000);
  let node: readonly [string, ...string[]];

  before(function () {
    node = emulatedNode(this, 22)();
  });

  // The ebpf backend is the same code but for notes and user events, and those the emulator's
  // kernel has not.
  it('passes on systemtap', () => {
    runConformance(new URL('../conformance/run.js', import.meta.url), {
      backend: 'systemtap',
      node,
      env: { SONDE_TEST_SELFTRACE },
    });
  });
});
