import assert from 'node:assert/strict';
import { parseMilliseconds, showBytes, showNanoseconds, showNumber } from './units.js';

describe('units', () => {
  it('show times', () => {
    const shown = [0, 1, 999, 1000, 1250, 999_600, 1_250_000, 99_960_000, 2 ** 31, 3_600_000_000_000, -1500];
    assert.deepEqual(shown.map(showNanoseconds), [
      ...['0ns', '1ns', '999ns', '1.00µs', '1.25µs', '1.00ms', '1.25ms', '100ms', '2.15s', '3600s', '-1.50µs'],
    ]);
  });

  it('show sizes', () => {
    assert.deepEqual([0, 1023, 1024, 1536, 10 * 1024, 2 ** 30, 2 ** 64].map(showBytes), [
      ...['0B', '1023B', '1.00KiB', '1.50KiB', '10.0KiB', '1.00GiB', '16777216TiB'],
    ]);
  });

  it('leave other numbers exact', () => {
    assert.equal(showNumber(2n ** 64n - 1n, undefined), '18446744073709551615');
  });

  it('read times', () => {
    assert.deepEqual(['10s', '500ms', '2min', '1.5s', '10', 's', '1h', ''].map(parseMilliseconds), [
      ...[10_000, 500, 120_000, 1500, undefined, undefined, undefined, undefined],
    ]);
  });
});
