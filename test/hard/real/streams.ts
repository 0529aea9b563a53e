// Streams, files, workers, and messages between them.
import { executionAsyncId } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Worker } from 'node:worker_threads';
import { createGunzip, createGzip } from 'node:zlib';
import { listenersOf, type Seen, stackOf } from './seen.js';

export async function run(): Promise<Seen> {
  const folder = mkdtempSync(join(tmpdir(), 'streams-'));
  try {
    const file = join(folder, 'lines.gz');
    const lines = Readable.from(Array.from({ length: 5000 }, (_, index) => `line ${index}\n`));
    const gzip = createGzip();
    await pipeline(
      lines,
      new Transform({ transform: (chunk, _, done) => done(null, String(chunk).toUpperCase()) }),
      gzip,
      createWriteStream(file),
    );
    const unzipped = await buffer(createReadStream(file).pipe(createGunzip()));
    const failed = await pipeline(Readable.from(['no gzip']), createGunzip(), async function* (source) {
      yield* source;
    }).catch((error) => [error.code, stackOf(error)]);
    const worker = new Worker(
      'const { parentPort } = require("worker_threads"); parentPort.once("message", (n) => parentPort.postMessage(n.map((each) => each ** 2)))',
      { eval: true },
    );
    worker.postMessage([1, 2, 3]);
    const [squares] = await once(worker, 'message');
    const listeners = [listenersOf(gzip), listenersOf(worker)];
    const [code] = await once(worker, 'exit');
    // An id other than 0, where somebody follows promises.
    const arePromisesFollowed = (await Promise.resolve().then(executionAsyncId)) !== 0;
    return {
      results: {
        arePromisesFollowed,
        hash: createHash('sha256').update(unzipped).digest('hex'),
        failed,
        squares,
        code,
      },
      listeners,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
