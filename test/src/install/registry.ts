// A registry of npm's kind that has our packages, as if they were published, and sends everybody on for all others.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Tarballs } from './tarballs.js';

export interface Registry {
  url: string;
  close(): void;
}

/** Starts it on loopback. `upstream` ends in a slash. */
export async function startRegistry(tarballs: Tarballs, upstream: string): Promise<Registry> {
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url!, 'http://registry').pathname.slice(1));
    const [name, file] = path.split('/-/');
    const tarball = tarballs[name!];
    if (!tarball) {
      response.writeHead(302, { location: new URL(request.url!.slice(1), upstream).href }).end();
    } else if (file) {
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(readFileSync(tarball));
    } else {
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(described(url, name!, tarball)));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    url,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** What it tells of a package. */
function described(url: string, name: string, tarball: string): object {
  const manifest = JSON.parse(execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' }));
  const bytes = readFileSync(tarball);
  const dist = {
    tarball: `${url}${name}/-/package-${manifest.version}.tgz`,
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
