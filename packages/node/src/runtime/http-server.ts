// Behind these are the channels http.server.request.start and http.server.response.finish, at the same places where Node.js's own
// probes of these names were until Node.js 18. Their first arguments are those of that time, but that a number stands where there was a pointer.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { int32, type Provider, string, uint64 } from 'sonde';
import { whileTraced } from '../presence.js';
import { subscriptions, together } from './channels.js';
import { now, since } from './clock.js';
import { connectionOf } from './connection.js';
import { guarded } from './guard.js';
import { idOf } from './identity.js';
import { around } from './methods.js';

/** As all requests and responses have them, of http and http2, of servers and clients. */
export const requestArguments = [
  uint64('id'),
  uint64('connection'),
  string('address'),
  int32('port'),
  string('method'),
  string('url'),
  int32('fd'),
  string('host'),
] as const;
export const responseArguments = [
  uint64('connection'),
  string('address'),
  int32('port'),
  int32('fd'),
  uint64('id'),
  uint64('ns'),
  int32('status'),
  string('method'),
  string('url'),
] as const;

export const httpServerProbes = {
  httpServerRequest: requestArguments,
  httpServerResponse: responseArguments,
  httpServerAbort: responseArguments,
} as const;

interface Message {
  request: IncomingMessage;
  response: ServerResponse;
  socket: Socket;
}

export function watchHttpServer(node: Provider<typeof httpServerProbes>): void {
  const began = new WeakMap<IncomingMessage, bigint>();
  /** What a connection's requests wait for. */
  let pending = new WeakMap<Socket, Map<IncomingMessage, ServerResponse>>();
  /** Node.js 20 and 22 say that a response has finished when what was left of it can go nowhere, too. */
  const aborted = new WeakSet<IncomingMessage>();

  const channels = subscriptions({
    'http.server.request.start': ({ request, response, socket }: Message) => {
      began.set(request, now());
      let waiting = pending.get(socket);
      if (!waiting) {
        waiting = new Map();
        pending.set(socket, waiting);
      }
      waiting.set(request, response);
      if (!node.httpServerRequest.enabled) return;
      const { id, address, port, fd } = connectionOf(socket);
      const { method = '', url = '', headers } = request;
      node.httpServerRequest.fire(idOf(request), id, address, port, method, url, fd, headers.host ?? '');
    },
    'http.server.response.finish': ({ request, response, socket }: Message) => {
      pending.get(socket)?.delete(request);
      if (node.httpServerResponse.enabled && !aborted.has(request))
        end(node.httpServerResponse, request, response, socket);
    },
  });
  const closed = guarded((socket: Socket) => {
    const waiting = pending.get(socket);
    pending.delete(socket);
    for (const [request, response] of waiting ?? []) {
      aborted.add(request);
      end(node.httpServerAbort, request, response, socket);
    }
  });
  function end(
    probe: typeof node.httpServerResponse,
    request: IncomingMessage,
    { statusCode }: ServerResponse,
    socket: Socket,
  ): void {
    const { id, address, port, fd } = connectionOf(socket);
    const { method = '', url = '' } = request;
    probe.fire(id, address, port, fd, idOf(request), since(began.get(request)), statusCode, method, url);
  }

  const { on, off } = together(
    channels,
    around(
      () => process.getBuiltinModule('node:net').Socket.prototype,
      '_destroy',
      (call, socket) => {
        closed(socket);
        return call();
      },
    ),
  );
  whileTraced([node.httpServerRequest, node.httpServerResponse, node.httpServerAbort], on, () => {
    off();
    // Who waits may be answered while nobody looks.
    pending = new WeakMap();
  });
}
