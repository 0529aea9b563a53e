import assert from 'node:assert/strict';
import { Skipped } from './skipped.js';

describe('files that were to have probes and have none', () => {
  it('are listed once, with the last reason, until they have some', () => {
    const skipped = new Skipped();
    skipped.add('a', 'one');
    for (let i = 0; i < 3; i++) skipped.add('b', 'two');
    skipped.add('a', 'three');
    assert.deepEqual(skipped.list(), {
      skipped: [
        { file: 'b', reason: 'two' },
        { file: 'a', reason: 'three' },
      ],
    });
    skipped.remove('b');
    assert.deepEqual(skipped.list().skipped, [{ file: 'a', reason: 'three' }]);
  });

  it('are the last ones where there are many, and how many more there were', () => {
    const skipped = new Skipped();
    for (let i = 0; i < 1100; i++) skipped.add(String(i), 'no');
    const { skipped: listed, unlisted } = skipped.list();
    assert.deepEqual([listed.length, listed[0]!.file, unlisted], [1000, '100', 100]);
  });
});
