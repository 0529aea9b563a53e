// A deploy replaces the files of @sonde/node while a program runs that has not loaded all of them.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { told } from '../../support/run-node.js';
import { useScene } from '../../support/scene.js';

const PACKAGE = dirname(fileURLToPath(import.meta.resolve('@sonde/node/package.json')));

describe('@sonde/node whose files are replaced', () => {
  const scene = useScene();

  it('loads nothing of another version, and the program goes on', () => {
    const { current } = scene;
    const copy = join(current.folder, 'node');
    mkdirSync(copy);
    cpSync(join(PACKAGE, 'lib'), join(copy, 'lib'), { recursive: true });
    symlinkSync(join(PACKAGE, 'node_modules'), join(copy, 'node_modules'));
    const [rest, ...others] = readdirSync(join(copy, 'lib')).filter((name) => /^index-rest-.*\.cjs$/.test(name));
    assert.deepEqual(others, []);
    const script = `
      const { createServer, get } = require('node:http');
      const { record } = require(${JSON.stringify(join(copy, 'node_modules/sonde/lib/testing.js'))});
      const recorder = record();
      const server = createServer((request, response) => response.end('served')).listen(0, '127.0.0.1', () => {
        get({ port: server.address().port }, async (response) => {
          let text = '';
          for await (const part of response) text += part;
          console.log(JSON.stringify(text + ' ' + (recorder.fired.length > 0)));
          recorder.stop();
          server.close();
        });
      });`;
    const require = ['--require', join(copy, 'lib', 'register.cjs')];
    const env = { NODE_NO_WARNINGS: '1' };
    assert.equal(told(current, [...require, '-e', script], { env }), 'served true');
    renameSync(join(copy, 'lib', rest!), join(copy, 'lib', 'index-rest-99.0.0.cjs'));
    assert.equal(told(current, [...require, '-e', script], { env }), 'served false');
  });
});
