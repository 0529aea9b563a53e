import assert from 'node:assert/strict';

/** Of two times by process.hrtime. */
export function assertWithin(milliseconds: number, from: bigint, to: bigint): void {
  const took = Number(to - from) / 1e6;
  assert.ok(took < milliseconds, `it took ${took} ms, and ${milliseconds} are the most`);
}
