import assert from 'node:assert/strict';
import { firstInstruction } from './first-instruction.js';

describe('firstInstruction', () => {
  for (const [release, nop] of [
    ['5.10.0-28-amd64', 1],
    ['6.1.0-56-amd64', 1],
    ['6.12.107+deb13-amd64', 1],
    ['6.17.13', 1],
    ['6.18', 5],
    ['6.18.0-rc1', 5],
    ['6.18.44-custom', 5],
    ['6.19.14+deb13-amd64', 5],
    ['7.0.13', 5],
    ['7.1.13+deb13-amd64', 5],
    // Not looked at: what is traced on every kernel that has call for it.
    ['7.2.0-rc5', 5],
    ['7.2.5', 5],
    ['7.2.6+deb13-amd64', 10],
    ['7.2.13+deb14-amd64', 10],
    ['7.3', 10],
    ['7.3.4+deb13-amd64', 10],
    ['8.0.0-rc1', 10],
    ['unknown', 1],
    ['', 1],
  ] as const) {
    it(`is the ${nop}-byte nop on ${JSON.stringify(release)}`, () => {
      assert.equal(firstInstruction(release, 'x64'), nop);
      assert.equal(firstInstruction(release, 'arm64'), 1);
    });
  }
});
