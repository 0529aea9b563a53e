// What tests of environments find in what programs tell.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import type { Told } from './tell.js';

/** The program that most of them run. */
export const PROGRAM = fileURLToPath(new URL('program.js', import.meta.url));

/** Its probes are there and were traced, in an object of this folder, or in memory. */
export function assertAlive(told: Told, folder: string | 'memory'): void {
  const { backend, reason, location, enabled, seen, errors } = told;
  assert.deepEqual(
    { backend, reason, enabled, seen, errors },
    {
      backend: 'systemtap',
      reason: undefined,
      enabled: [false, true, false],
      seen: [['10.0.0.7', seen[0]?.[1] ?? 2525]],
      errors: 0,
    },
  );
  if (folder === 'memory') assert.match(location!, /^\/proc\/\d+\/fd\/\d+$/);
  else {
    assert.ok(location!.startsWith(`${folder}/smtp-`), location);
    assert.equal(told.why, undefined);
  }
}

/** Nothing can be traced, for this reason, and nothing went wrong. */
export function assertNoop({ backend, reason, location, enabled, seen, errors }: Told, why: RegExp): void {
  assert.deepEqual(
    { backend, location, enabled, seen, errors },
    { backend: 'noop', location: undefined, enabled: [false, false, false], seen: [], errors: 0 },
  );
  assert.match(reason ?? 'no reason', why);
}
