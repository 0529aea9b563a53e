import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { putFile } from './private-files.js';

describe('a file of our own', () => {
  if (process.platform === 'win32') return;
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-own-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const size of [1, 4095, 4096, 2 ** 16 - 17, 2 ** 16 - 16, 2 ** 16, 2 ** 20 + 1]) {
    it(`of ${size} bytes is read whole, and nothing of what was read before stands after it`, () => {
      const put = (name: string, content: Uint8Array) => {
        const after: number[] = [];
        const { content: found } = putFile(
          { path: folder, base: '/' },
          {
            name,
            content: () => content,
            isWhole: (memory, length) => {
              after.push(...new Uint8Array(memory, length).subarray(0, 16));
              return Buffer.from(memory, 0, length).equals(content);
            },
          },
        );
        assert.deepEqual(Buffer.from(found), Buffer.from(content));
        return after;
      };
      for (let round = 0; round < 2; round++) {
        put('before', new Uint8Array(2 ** 16 - 16).fill(0xff));
        const after = put(`file-${size}`, new Uint8Array(size).fill(0x55));
        assert.ok(after.every((byte) => byte === 0));
      }
    });
  }
});
