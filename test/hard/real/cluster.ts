// A cluster whose workers answer requests; each ends in its own way.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { listenersOf, type Seen } from './seen.js';

if (cluster.isWorker) {
  const server = createServer((request, response) => {
    // When the client has it all: it closes the connection.
    if (request.url === '/crash') request.socket.on('close', () => process.exit(7));
    response.end(`${request.url} by worker`);
  });
  server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () => process.send!(server.address()));
  process.on('message', () => process.disconnect());
}

export async function run(): Promise<Seen> {
  cluster.setupPrimary({ exec: fileURLToPath(import.meta.url) });
  const answers: unknown[] = [];
  const listeners: Record<string, number>[] = [];
  for (const path of ['/crash', '/hello']) {
    const worker = cluster.fork();
    const [{ port }] = (await once(worker, 'message')) as [{ port: number }];
    const [response] = (await once(get({ port, path, host: '127.0.0.1', agent: false }), 'response')) as [
      IncomingMessage,
    ];
    answers.push(await text(response));
    listeners.push(listenersOf(worker), listenersOf(worker.process));
    if (path === '/hello') worker.send('end');
    const [code, signal] = await once(worker, 'exit');
    answers.push([code, signal]);
  }
  return { results: answers, listeners: [...listeners, listenersOf(cluster)] };
}
