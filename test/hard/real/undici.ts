// A client of undici, and Node.js's own fetch, with a server of node:http2 as well.
import { once } from 'node:events';
import { createServer } from 'node:http';
import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fetched, listenersOf, type Seen, stackOf } from './seen.js';

const { Agent, request } = fetched('undici');

export async function run(): Promise<Seen> {
  const server = createServer(async (incoming, response) => {
    response.setHeader('x-method', incoming.method!);
    response.end((await text(incoming)).toUpperCase());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const dispatcher = new Agent();
  const answers: unknown[] = [];
  for (const method of ['POST', 'PUT']) {
    const { statusCode, headers, body } = await request(origin, { method, body: 'hello', dispatcher });
    answers.push([statusCode, headers['x-method'], await body.text()]);
    const response = await fetch(origin, { method, body: 'hello' });
    answers.push([response.status, response.headers.get('x-method'), await response.text()]);
  }
  const refused = await fetch('http://127.0.0.1:1/').catch((error) => [
    error.name,
    error.message,
    error.cause?.code,
    stackOf(error),
  ]);
  const listeners = [listenersOf(server)];
  await dispatcher.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  return { results: { answers, refused, http2: await overHttp2() }, listeners };
}

async function overHttp2(): Promise<unknown> {
  const server = http2.createServer((_, response) => response.end('by http2')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const stream = session.request({ ':path': '/' });
  const [headers] = await once(stream, 'response');
  const body = await text(stream);
  session.close();
  server.close();
  await once(server, 'close');
  return [headers[':status'], body];
}
