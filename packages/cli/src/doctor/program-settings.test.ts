import assert from 'node:assert/strict';
import { programSettings, settingFindings } from './program-settings.js';

const found = (command: string[], environ = '') =>
  settingFindings(programSettings(command, environ), undefined)
    .filter(({ state }) => state === 'bad')
    .map(({ id }) => id);

describe('Settings of a program', () => {
  it('are read from the command line up to the main file, and from NODE_OPTIONS', () => {
    const settings = programSettings(
      ['node', '--import', './a.mjs', '-r', 'b', '--enable-source-maps', 'main.js', '--no-addons'],
      'NODE_OPTIONS=--inspect  --title x\0SONDE_DIR=/a=b\0\0',
    );
    assert.equal(settings.main, 'main.js');
    assert.deepEqual(settings.options, [
      ...['--inspect', '--title', 'x', '--import', './a.mjs', '-r', 'b', '--enable-source-maps'],
    ]);
    assert.equal(settings.environment!.SONDE_DIR, '/a=b');
    assert.equal(programSettings(['node'], undefined).environment, undefined);
  });

  it('keep probes away by each of several options', () => {
    assert.deepEqual(found(['node', 'main.js']), []);
    assert.deepEqual(found(['node', '--no-addons', 'main.js']), ['no-addons']);
    assert.deepEqual(found(['node', '--permission', 'main.js']), ['permission-model']);
    assert.deepEqual(found(['node', '--permission', '--allow-addons', 'main.js']), []);
    for (const options of [['-C', 'sonde-off'], ['--conditions', 'sonde-off'], ['--conditions=sonde-off']]) {
      assert.deepEqual(found(['node', ...options, 'main.js']), ['sonde-off']);
    }
    assert.deepEqual(found(['node', '-C', 'other', 'sonde-off']), []);
    assert.deepEqual(found(['node', 'main.js'], 'NODE_OPTIONS=-C sonde-off'), ['sonde-off']);
  });
});
