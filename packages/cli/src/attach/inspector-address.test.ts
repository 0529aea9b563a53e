import assert from 'node:assert/strict';
import { inspectorAddress } from './inspector-address.js';

describe('The address of an inspector', () => {
  for (const [options, expected] of [
    [[], { port: 9229 }],
    [['--inspect'], { port: 9229 }],
    [['--inspect-port=9300'], { port: 9300 }],
    [['--inspect-port', '9300'], { port: 9300 }],
    [['--debug-port=0'], { port: 0 }],
    [['--inspect=0.0.0.0'], { host: '0.0.0.0', port: 9229 }],
    [['--inspect-brk=localhost:9300'], { host: 'localhost', port: 9300 }],
    [['--inspect-wait=[::1]:9300'], { host: '::1', port: 9300 }],
    [['--inspect=127.0.0.1:9300', '--inspect-port=9400'], { host: '127.0.0.1', port: 9400 }],
    [['--inspect-publish-uid=http', '--require', './9300'], { port: 9229 }],
  ] as const) {
    it(`is ${JSON.stringify(expected)} with ${options.join(' ') || 'no option'}`, () => {
      assert.deepEqual(inspectorAddress(options), expected);
    });
  }
});
