// Behind these are the channels http.server.request.start and http.server.response.finish, at the same places where Node.js's own
// probes of these names were until Node.js 18. Their first arguments are those of that time, but that a number stands where there was a pointer.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { int32, type Provider, string, uint64 } from 'sonde';
import { whileTraced } from '../presence.js';
import { subscriptions } from './channels.js';
import { now, since } from './clock.js';
import { connectionOf } from './connection.js';
import { idOf } from './identity.js';

export const httpServerProbes = {
  httpServerRequest: [
    uint64('id'),
    uint64('connection'),
    string('address'),
    int32('port'),
    string('method'),
    string('url'),
    int32('fd'),
    string('host'),
  ],
  httpServerResponse: [
    uint64('connection'),
    string('address'),
    int32('port'),
    int32('fd'),
    uint64('id'),
    uint64('ns'),
    int32('status'),
    string('method'),
    string('url'),
  ],
} as const;

interface Message {
  request: IncomingMessage;
  response: ServerResponse;
  socket: Socket;
}

export function watchHttpServer(node: Provider<typeof httpServerProbes>): void {
  const began = new WeakMap<IncomingMessage, bigint>();
  const channels = subscriptions({
    'http.server.request.start': ({ request, socket }: Message) => {
      began.set(request, now());
      if (!node.httpServerRequest.enabled) return;
      const { id, address, port, fd } = connectionOf(socket);
      const { method = '', url = '', headers } = request;
      node.httpServerRequest.fire(idOf(request), id, address, port, method, url, fd, headers.host ?? '');
    },
    'http.server.response.finish': ({ request, response, socket }: Message) => {
      if (!node.httpServerResponse.enabled) return;
      const { id, address, port, fd } = connectionOf(socket);
      const { method = '', url = '' } = request;
      const ns = since(began.get(request));
      node.httpServerResponse.fire(id, address, port, fd, idOf(request), ns, response.statusCode, method, url);
    },
  });
  whileTraced([node.httpServerRequest, node.httpServerResponse], channels.on, channels.off);
}
