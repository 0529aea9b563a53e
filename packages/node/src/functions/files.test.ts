import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { DEFAULT_PATTERNS, selectFiles } from './files.js';

const FILES = [
  '/app/main.js',
  '/app/src/a.js',
  '/app/src/a.test.js',
  '/app/.hidden/b.js',
  '/app/node_modules/zod/index.js',
  '/app/src/node_modules/c/index.js',
  '/shared/lib.js',
];

const chosen = (...patterns: string[]) => FILES.filter(selectFiles('/app', patterns));

describe('which files have probes in their functions', () => {
  it("the application's own, if nothing is said", () => {
    const own = ['/app/main.js', '/app/src/a.js', '/app/src/a.test.js', '/app/.hidden/b.js'];
    assert.deepEqual(FILES.filter(selectFiles('/app', DEFAULT_PATTERNS)), own);
    assert.deepEqual(chosen('**'), own);
  });

  it('those that match, but for those that match what has a !', () => {
    assert.deepEqual(chosen('src/**', '!**/*.test.js'), ['/app/src/a.js']);
    assert.deepEqual(chosen('!src/**'), ['/app/main.js', '/app/.hidden/b.js']);
    assert.deepEqual(chosen('*.js', '.hidden/*'), ['/app/main.js', '/app/.hidden/b.js']);
  });

  it('dependencies where a pattern says node_modules', () => {
    assert.deepEqual(chosen('node_modules/zod/**'), ['/app/node_modules/zod/index.js']);
    assert.deepEqual(chosen('**', '**/node_modules/**').length, 6);
  });

  it('others by their path', () => {
    assert.deepEqual(chosen('/shared/**'), ['/shared/lib.js']);
    assert.deepEqual(chosen('../shared/*'), ['/shared/lib.js']);
  });

  it('never those of this package', () => {
    assert.equal(selectFiles('/', ['**'])(fileURLToPath(new URL('files.js', import.meta.url))), false);
  });
});
