// A web server of Express, and a client of node:http.
import { once } from 'node:events';
import { get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fetched, listenersOf, type Seen, stackOf } from './seen.js';

const express = fetched('express');

export async function run(): Promise<Seen> {
  const app = express();
  const errors: string[][] = [];
  const listeners: Record<string, number>[] = [];
  app.use((request: IncomingMessage, _: unknown, next: () => void) => {
    listeners.push(listenersOf(request), listenersOf(request.socket));
    next();
  });
  app.get('/hello/:name', (request: { params: { name: string } }, response: { json(value: unknown): void }) => {
    response.json({ hello: request.params.name });
  });
  app.get('/fail', async function fails() {
    await null;
    throw new RangeError('it failed');
  });
  app.use((error: Error, _: unknown, response: { status(code: number): { send(text: string): void } }, __: unknown) => {
    errors.push(stackOf(error));
    response.status(500).send(error.message);
  });
  const server: Server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const answers: unknown[] = [];
  for (const path of ['/hello/world', '/fail', '/missing']) {
    const request = get({ port: (server.address() as AddressInfo).port, path, host: '127.0.0.1', agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    listeners.push(listenersOf(request), listenersOf(response));
    const { date: _, ...headers } = response.headers;
    answers.push([response.statusCode, headers, await text(response)]);
  }
  listeners.push(listenersOf(server));
  server.close();
  await once(server, 'close');
  return { results: { answers, errors }, listeners };
}
