import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

describe('An error that nobody catches', () => {
  it('shows its code, the value, the rule and where it was made, and no screenfuls of ours', () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', "import { provider } from 'sonde'; provider('mail-1', { probe: [] });"],
      { cwd: fileURLToPath(new URL('.', import.meta.url)), encoding: 'utf8' },
    );
    assert.equal(status, 1);
    assert.match(stderr, /TypeError \[SONDE_PROVIDER_NAME\].*"mail-1"; a name is a letter or _ followed by/);
    assert.match(stderr, /at file:.*\[eval1\]:1/);
    assert.ok(stderr.length < 2500, stderr);
  });
});
