// Node.js's own test runner, which runs each file of tests in a process of its own or, told so, all
// in one.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_LINES, type NodeLine, needsNode } from '../support/npm-packages.js';
import { runNode } from '../support/run-node.js';
import { useScene } from '../support/scene.js';

/** What turns isolation off, where it can be. */
const TOGETHER: Partial<Record<NodeLine, string>> = {
  22: '--experimental-test-isolation=none',
  24: '--test-isolation=none',
  26: '--test-isolation=none',
};

const imports = `
  import assert from 'node:assert';
  import { existsSync } from 'node:fs';
  import { afterEach, beforeEach, describe, test } from 'node:test';
  import { provider, status, string } from ${JSON.stringify(import.meta.resolve('sonde'))};
  import { record } from ${JSON.stringify(import.meta.resolve('sonde/testing'))};`;

/**
 * A module with probes, and two files that test it; each has a recorder while a test of it runs.
 */
const files = {
  'mail.mjs': `${imports}
    export const mail = provider('mail', { sent: [string('to')] });`,
  'first.test.mjs': `${imports}
    import { mail } from './mail.mjs';
    // In a suite: hooks outside of one are those of all files that run in the process.
    describe('mail', () => {
      let recorder;
      beforeEach(() => { recorder = record(); });
      afterEach(() => recorder.stop());
      for (const to of ['a', 'b', 'c']) {
        test('records ' + to, async () => {
          mail.sent.fire(to);
          await new Promise(setImmediate);
          assert.deepEqual(recorder.fired, [{ provider: 'mail', probe: 'sent', values: { to } }]);
        });
      }
    });`,
  'second.test.mjs': `${imports}
    import { mail } from './mail.mjs';
    const own = provider('own', { probe: [] });
    test('has its probes where there is no recorder', () => {
      assert.equal(status().backend, 'systemtap');
      assert.deepEqual(status().providers.map(({ name, location }) => [name, existsSync(location)]), [['mail', true], ['own', true]]);
      assert.equal(mail.sent.enabled, false);
    });
    test('records', () => {
      const recorder = record();
      mail.sent.fire('d');
      own.probe.fire();
      recorder.stop();
      assert.equal(recorder.fired.length, 2);
    });`,
  // A recorder that was left on does not keep the process from its end.
  'third.test.mjs': `${imports}
    test('leaves its recorder on', () => { provider('third', { probe: [] }).probe.fire(record()); });`,
};

for (const line of NODE_LINES) {
  describe(`node --test of Node.js ${line}`, function () {
    this.timeout(120_000);
    const scene = useScene();
    let node: string;
    before(function () {
      node = needsNode(this, line);
    });

    function test(names: string[], ...options: string[]): void {
      const { folder } = scene.current;
      for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
      const { stdout } = runNode(scene.current, ['--test', '--test-reporter=tap', ...options, ...names], { node });
      assert.match(stdout, /^# fail 0$/m);
      assert.match(stdout, new RegExp(`^# pass ${names.length === 3 ? 6 : 5}$`, 'm'));
    }

    it('runs tests with a recorder and without, each file by itself', () => {
      test(['first.test.mjs', 'second.test.mjs', 'third.test.mjs']);
    });

    const together = TOGETHER[line];
    if (!together) return;
    it('runs them all in one process', () => {
      test(['first.test.mjs', 'second.test.mjs'], together);
    });
  });
}
