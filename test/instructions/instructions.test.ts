// What a fire costs in native code, as instructions: the same from run to run and whatever else the
// machine does, unlike time. Limits are tight, so that nobody makes this slower without knowing.
// Who makes it faster lowers them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { needsTools } from '../support/tools.js';
import { type Counted, readCallgrind } from './callgrind.js';

const TIMES = 1024;

interface Limits {
  /** The addon's own instructions, the stub's two included; as g++ 12 makes them, and 5 % more. */
  own: number;
  /**
   * How often Node-API is called: what that costs is Node.js's own, and differs between its
   * versions.
   */
  calls: Record<string, number>;
}

const LIMITS: Record<string, [name: string, Limits]> = {
  'no values': ['Fire<0ul, false>', { own: 55, calls: { napi_get_cb_info: 1 } }],
  'an integer': ['Fire<1ul, false>', { own: 88, calls: { napi_get_cb_info: 1, napi_get_value_int64: 1 } }],
  'a text and an integer': [
    'Fire<2ul, false>',
    { own: 184, calls: { napi_get_cb_info: 1, napi_get_value_int64: 1, napi_get_value_string_utf8: 1 } },
  ],
  'the same text as before and an integer': [
    'Fire<1ul, true>',
    { own: 90, calls: { napi_get_cb_info: 1, napi_get_value_int64: 1 } },
  ],
  'three texts': ['Fire<3ul, false>', { own: 326, calls: { napi_get_cb_info: 1, napi_get_value_string_utf8: 3 } }],
};

describe('instructions of a fire, in native code', () => {
  let counted: Record<string, Counted>;

  before(function () {
    needsTools(this, 'valgrind');
    this.timeout(120_000);
    const folder = mkdtempSync(join(tmpdir(), 'sonde-instructions-'));
    try {
      const output = join(folder, 'callgrind');
      const program = fileURLToPath(new URL('program.js', import.meta.url));
      const valgrind = [
        '--tool=callgrind',
        `--callgrind-out-file=${output}`,
        '--collect-atstart=no',
        '--compress-pos=no',
      ];
      // Without its compilers V8 does the same each time; they are slow in valgrind besides.
      // Nothing of V8's own is counted but what Node-API calls.
      const { status, stderr } = spawnSync(
        'valgrind',
        [...valgrind, '--toggle-collect=*Fire<*', process.execPath, '--jitless', program, String(TIMES)],
        { encoding: 'utf8', env: { ...process.env, SONDE_DIR: folder, LD_BIND_NOW: '1' } },
      );
      assert.equal(status, 0, stderr);
      counted = readCallgrind(readFileSync(output, 'utf8'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  const find = (name: string) => {
    const found = Object.entries(counted).find(([key]) => key.includes(name));
    assert.ok(found, `callgrind saw no ${name}: does the addon have its symbols?`);
    return found[1];
  };
  const isOurs = (name: string) => /^sonde::|^instructions_/.test(name);
  const timesCalled = (name: string) => Object.values(counted).reduce((sum, { calls }) => sum + (calls[name] ?? 0), 0);
  /**
   * What one call of a function makes of something, with what it makes through the addon's and the
   * stub's functions.
   */
  const perCall = <Value>(name: string, times: number, add: (counted: Counted, share: number) => Value): void => {
    const found = find(name);
    add(found, 1 / times);
    for (const [callee, count] of Object.entries(found.calls)) {
      if (isOurs(callee)) perCall(callee, timesCalled(callee), (inner, share) => add(inner, (share * count) / times));
    }
  };

  for (const [what, [name, limits]] of Object.entries(LIMITS)) {
    it(`${what}: at most ${limits.own} of the addon's own`, () => {
      let instructions = 0;
      const calls: Record<string, number> = {};
      perCall(name, TIMES, (counted, share) => {
        instructions += counted.self * share;
        for (const [callee, count] of Object.entries(counted.calls)) {
          if (callee.startsWith('napi_')) calls[callee] = (calls[callee] ?? 0) + count * share;
        }
      });
      console.log(`      ${instructions.toFixed(1)} instructions`);
      assert.deepEqual(calls, limits.calls);
      assert.ok(instructions <= limits.own, `${instructions} instructions, more than ${limits.own}`);
      assert.ok(instructions > limits.own * 0.85, `${instructions} instructions: lower the limit of ${limits.own}`);
    });
  }
});
