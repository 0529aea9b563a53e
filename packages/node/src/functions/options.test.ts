import assert from 'node:assert/strict';
import { DEFAULTS, readLiveSettings, readSettings } from './options.js';

const read = (functions?: unknown, env: Record<string, string> = {}) => {
  const { root, ignored, ...options } = readSettings(
    { path: '/app/package.json', text: JSON.stringify({ sonde: { functions } }) },
    env,
  );
  assert.equal(root, '/app');
  return { ...options, ignored };
};

describe('the settings of function probes', () => {
  it('are off where nobody asks', () => {
    assert.equal(DEFAULTS.at, 'off');
    assert.deepEqual(read(), { ...DEFAULTS, ignored: [] });
    assert.equal(read(undefined, { SONDE_FUNCTIONS_RETURNS: 'exact' }).at, 'off');
    const { root, ignored, ...options } = readSettings(null, {});
    assert.deepEqual([root, ignored, options], [process.cwd(), [], DEFAULTS]);
    assert.deepEqual(readSettings({ path: '/a/package.json', text: '{' }, {}).ignored, []);
  });

  it('are read from package.json', () => {
    const some = read(['src/**', '!**/*.test.js']);
    assert.deepEqual([some.at, some.patterns], ['load', ['src/**', '!**/*.test.js']]);
    assert.equal(read(false).at, 'off');
    for (const all of [true, {}, { returns: 'exact' }]) {
      const { at, patterns } = read(all);
      assert.deepEqual([at, patterns], ['load', ['**']]);
    }
    const whole = read({ files: ['lib/**'], returns: 'exact' });
    assert.deepEqual(whole, { patterns: ['lib/**'], at: 'load', returns: 'exact', ignored: [] });
  });

  it('are read from the environment before that', () => {
    const env = {
      SONDE_FUNCTIONS: 'a/**, {b,c}/*.js,!d',
      SONDE_FUNCTIONS_RETURNS: 'exact',
    };
    assert.deepEqual(read(['x'], env), {
      patterns: ['a/**', '{b,c}/*.js', '!d'],
      at: 'load',
      returns: 'exact',
      ignored: [],
    });
    for (const off of ['off', '0']) assert.equal(read(['x'], { SONDE_FUNCTIONS: off }).at, 'off');
    for (const on of ['on', '1']) {
      assert.deepEqual(read(undefined, { SONDE_FUNCTIONS: on }), { ...DEFAULTS, at: 'load', ignored: [] });
      assert.deepEqual(read(['x'], { SONDE_FUNCTIONS: on }).patterns, ['x']);
    }
    assert.equal(read(false, { SONDE_FUNCTIONS: '**' }).at, 'load');
    assert.deepEqual(read(['x'], { SONDE_FUNCTIONS: '' }).patterns, ['x']);
  });

  it('that mean nothing are passed over, with the value, the rule and the remedy', () => {
    const cases: [unknown, Record<string, string>, string][] = [
      [
        'src',
        {},
        'sonde.functions in /app/package.json is "src"; it must be a list of patterns, true, false, or an object: { "files": ["src/**"], "returns": "fast" }',
      ],
      [
        { files: 'src' },
        {},
        'files of sonde.functions in /app/package.json is "src"; it must be a list of patterns: ["src/**"]',
      ],
      [
        { file: ['src'] },
        {},
        'sonde.functions in /app/package.json has "file"; it may have files and returns: leave it out',
      ],
      [
        undefined,
        { SONDE_FUNCTIONS_RETURNS: 'all' },
        'SONDE_FUNCTIONS_RETURNS is "all"; it must be exact, fast, or left out',
      ],
    ];
    for (const [functions, env, reason] of cases) {
      const at = typeof functions === 'object' ? 'load' : 'off';
      assert.deepEqual(read(functions, env), { ...DEFAULTS, at, ignored: [reason] });
    }
  });

  it('name functions to be watched, and what one may take', () => {
    assert.deepEqual(readLiveSettings({}), { names: [], share: 0.1, ignored: [] });
    const { names, share } = readLiveSettings({ SONDE_LIVE: 'deliver, MailServer.*,', SONDE_LIVE_SHARE: '0.5' });
    assert.deepEqual([names, share], [['deliver', 'MailServer.*'], 0.5]);
    for (const wrong of ['2', '0', 'much']) {
      assert.deepEqual(readLiveSettings({ SONDE_LIVE_SHARE: wrong }), {
        names: [],
        share: 0.1,
        ignored: [`SONDE_LIVE_SHARE is "${wrong}"; it must be above 0 and not above 1, such as 0.1`],
      });
    }
  });
});
