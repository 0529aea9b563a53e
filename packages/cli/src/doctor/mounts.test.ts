import assert from 'node:assert/strict';
import { mountOf, parseMounts } from './mounts.js';

const TEXT = [
  '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard',
  '23 22 0:20 / /tmp rw,nosuid,noexec - tmpfs none rw,size=10k',
  '24 23 0:21 / /tmp/with\\040space ro - tmpfs none rw',
  '25 22 0:22 / /tmp rw master:4 propagate_from:2 - tmpfs none ro',
  '',
].join('\n');

describe('Mounts', () => {
  it('are read with their options and those of the file system, whatever is in their names', () => {
    const mounts = parseMounts(TEXT);
    assert.deepEqual(
      mounts.map(({ place, type }) => [place, type]),
      [
        ['/', 'ext4'],
        ['/tmp', 'tmpfs'],
        ['/tmp/with space', 'tmpfs'],
        ['/tmp', 'tmpfs'],
      ],
    );
    assert.deepEqual(mounts[1]!.options, ['rw', 'nosuid', 'noexec', 'rw', 'size=10k']);
  });

  it('hold what is below them, and the last one at a place covers the others', () => {
    const mounts = parseMounts(TEXT);
    assert.equal(mountOf('/tmpfile', mounts), mounts[0]);
    assert.equal(mountOf('/tmp', mounts), mounts[3]);
    assert.equal(mountOf('/tmp/a/b', mounts), mounts[3]);
    assert.equal(mountOf('/tmp/with space/x', mounts), mounts[2]);
    assert.equal(mountOf('/', mounts), mounts[0]);
  });
});
