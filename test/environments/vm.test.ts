import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { NODE_LINES, needsNode } from '../support/npm-packages.js';
import { told } from '../support/run-node.js';
import { useScene } from '../support/scene.js';

const PROGRAM = fileURLToPath(new URL('vm-program.js', import.meta.url));

for (const line of NODE_LINES) {
  describe(`A vm context of Node.js ${line}`, function () {
    this.timeout(120_000);
    const scene = useScene();
    let node: string;
    before(function () {
      node = needsNode(this, line);
    });

    const run = (name: string) =>
      told(scene.current, ['--experimental-vm-modules', '--no-warnings', PROGRAM, name], { node });

    it('defines and fires with values of its own realm', () => {
      assert.deepEqual(run('values'), {
        names: ['values', 'written', 'other'],
        seen: [
          ['text', '\x01\x02\x03', '3', '{"a":[1,"1970-01-01T00:00:00.000Z"]}', String(2n ** 63n)],
          ['', '\0\0', '2', '[]', '1'],
          ['<not a string: object>', 'null', '0', '<not JSON: mine>', '0'],
        ],
        errors: 4,
      });
    });

    it('gets its own errors and promises back, and a rejection that it forgot is reported', () => {
      assert.deepEqual(run('outcomes'), {
        thrown: true,
        wrong: 'SONDE_PROVIDER_NAME',
        isPromise: true,
        done: 1,
        reported: 'forgotten',
        fired: [
          ['job__error', 'thrown'],
          ['job__done', null],
          ['job__error', 'forgotten'],
        ],
      });
    });

    it('that loads sonde anew has providers of its own, in the same probe objects', () => {
      assert.deepEqual(run('loaded'), {
        seen: ['from outside', 'from inside'],
        backend: 'systemtap',
        sameObject: true,
        knownHere: 1,
      });
    });
  });
}
