// The dtrace backend on systems that cannot be run here: on a model of them.
import { runConformance } from '../conformance/process.js';
import { cannotTest } from '../support/tools.js';

describe('conformance of dtrace', () => {
  before(function () {
    if (process.platform !== 'linux' || process.arch !== 'x64') cannotTest(this, 'the model is for Linux on x86-64');
  });

  for (const system of ['illumos', 'freebsd', 'macos', 'linux']) {
    it(`on a model of ${system}`, function () {
      this.timeout(300_000);
      runConformance(new URL('run.js', import.meta.url), {
        backend: 'dtrace',
        preload: new URL('model.js', import.meta.url),
        // That a provider can be refused is a part of what is tested.
        env: { SONDE_TEST_SYSTEM: system, SONDE_REQUIRE: '' },
      });
    });
  }
});
