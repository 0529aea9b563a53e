// A registry of npm's kind that has our packages, as if they were published, and sends everybody on
// for all others. In a thread of its own, since tests wait for package managers without doing
// anything else.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Tarballs } from './tarballs.js';

export interface Registry {
  url: string;
  close(): Promise<unknown>;
}

/** Starts it on loopback. `upstream` ends in a slash. */
export async function startRegistry(tarballs: Tarballs, upstream: string): Promise<Registry> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { tarballs, upstream } });
  const [url] = await once(worker, 'message');
  return { url, close: () => worker.terminate() };
}

if (!isMainThread && workerData?.upstream) serve(workerData);

function serve({ tarballs, upstream }: { tarballs: Tarballs; upstream: string }): void {
  const server = createServer((request, response) => {
    const [name, file] = decodeURIComponent(request.url!.slice(1)).split('/-/');
    const tarball = tarballs[name!];
    if (!tarball) {
      response.writeHead(302, { location: new URL(request.url!.slice(1), upstream).href }).end();
    } else if (file) {
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(readFileSync(tarball));
    } else {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(described(name!, tarball)));
    }
  });
  const urlOf = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  server.listen(0, '127.0.0.1', () => parentPort!.postMessage(urlOf()));

  /** What it tells of a package. */
  function described(name: string, tarball: string): object {
    const manifest = JSON.parse(execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' }));
    const bytes = readFileSync(tarball);
    const dist = {
      tarball: `${urlOf()}${name}/-/package-${manifest.version}.tgz`,
      integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
      shasum: createHash('sha1').update(bytes).digest('hex'),
    };
    return {
      name,
      'dist-tags': { latest: manifest.version },
      versions: { [manifest.version]: { ...manifest, dist } },
      time: { [manifest.version]: '2020-01-01T00:00:00.000Z' },
    };
  }
}
