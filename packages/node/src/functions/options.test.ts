import assert from 'node:assert/strict';
import { DEFAULTS, readSettings } from './options.js';

const read = (functions?: unknown, env: Record<string, string> = {}) => {
  const { root, ignored, ...options } = readSettings(
    { path: '/app/package.json', text: JSON.stringify({ sonde: { functions } }) },
    env,
  );
  assert.equal(root, '/app');
  return { ...options, ignored };
};

describe('the settings of function probes', () => {
  it('are the defaults where nothing is said', () => {
    assert.deepEqual(read(), { ...DEFAULTS, ignored: [] });
    const { root, ignored, ...options } = readSettings(null, {});
    assert.deepEqual([root, ignored, options], [process.cwd(), [], DEFAULTS]);
    assert.deepEqual(readSettings({ path: '/a/package.json', text: '{' }, {}).ignored, []);
  });

  it('are read from package.json', () => {
    assert.deepEqual(read(['src/**', '!**/*.test.js']).patterns, ['src/**', '!**/*.test.js']);
    assert.equal(read(false).at, 'off');
    const whole = read({ files: ['lib/**'], at: 'live', returns: 'exact' });
    assert.deepEqual(whole, { patterns: ['lib/**'], at: 'live', returns: 'exact', ignored: [] });
  });

  it('are read from the environment before that', () => {
    const env = {
      SONDE_FUNCTIONS: 'a/**, {b,c}/*.js,!d',
      SONDE_FUNCTIONS_AT: 'live',
      SONDE_FUNCTIONS_RETURNS: 'exact',
    };
    assert.deepEqual(read(['x'], env), {
      patterns: ['a/**', '{b,c}/*.js', '!d'],
      at: 'live',
      returns: 'exact',
      ignored: [],
    });
    assert.equal(read(['x'], { SONDE_FUNCTIONS: 'off' }).at, 'off');
    assert.equal(read(false, { SONDE_FUNCTIONS: '**' }).at, 'load');
    assert.deepEqual(read(['x'], { SONDE_FUNCTIONS: '' }).patterns, ['x']);
  });

  it('that mean nothing are passed over, with the value, the rule and the remedy', () => {
    const cases: [unknown, Record<string, string>, string][] = [
      [
        'src',
        {},
        'sonde.functions in /app/package.json is "src"; it must be a list of patterns, false, or an object: { "files": ["src/**"], "at": "load", "returns": "fast" }',
      ],
      [
        { files: 'src' },
        {},
        'files of sonde.functions in /app/package.json is "src"; it must be a list of patterns: ["src/**"]',
      ],
      [
        { at: 'now' },
        {},
        'at of sonde.functions in /app/package.json is "now"; it must be load, live, off, or left out',
      ],
      [
        { file: ['src'] },
        {},
        'sonde.functions in /app/package.json has "file"; it may have files, at and returns: leave it out',
      ],
      [
        undefined,
        { SONDE_FUNCTIONS_RETURNS: 'all' },
        'SONDE_FUNCTIONS_RETURNS is "all"; it must be exact, fast, or left out',
      ],
    ];
    for (const [functions, env, reason] of cases) {
      assert.deepEqual(read(functions, env), { ...DEFAULTS, ignored: [reason] });
    }
  });
});
