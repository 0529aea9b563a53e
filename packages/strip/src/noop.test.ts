import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as noop from './noop.js';

/**
 * What sonde shows of itself, but for numbers and lists, which only its own packages read. In a
 * process of its own, which it may change.
 */
const SHOW = `const sonde = { ...(await import('sonde')), ...(await import('sonde/internal')) };
const made = sonde.provider('quiet', { one: [sonde.string('text')], work: sonde.operation({ start: [sonde.string('text')] }) });
console.log(JSON.stringify([Object.keys(sonde).filter((name) => typeof sonde[name] === 'function').sort(), ...[made, made.one, made.work].map((each) => [Object.keys(each), each])]));
`;

describe('what stands for sonde in a stripped bundle', () => {
  it('shows as much of itself as sonde', () => {
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', SHOW], {
      cwd: import.meta.dirname,
      env: { ...process.env, SONDE_BACKEND: 'noop' },
      encoding: 'utf8',
    });
    const made = noop.provider('quiet', { one: [noop.string('text')], work: noop.operation({}) }) as {
      one: object;
      work: object;
    };
    const shown = [Object.keys(noop).sort(), ...[made, made.one, made.work].map((each) => [Object.keys(each), each])];
    assert.deepEqual(JSON.parse(JSON.stringify(shown)), JSON.parse(stdout));
  });
});
