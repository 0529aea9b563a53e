// Behind these are the channels http.server.request.start and http.server.response.finish, at the
// same places where Node.js's own probes of these names were until Node.js 18. Their first
// arguments are those of that time, but that a number stands where there was a pointer. Each
// request has one end: its response, or an abort.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Provider } from 'sonde';
import type { httpServerProbes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { subscriptions, together } from './channels.js';
import { now, since } from './clock.js';
import { type Connection, connectionOf } from './connection.js';
import { statusIn, upgradeOf, upgrades } from './http-upgrades.js';
import { idOf } from './identity.js';
import { around } from './methods.js';

type Node = Provider<typeof httpServerProbes>;

interface Message {
  request: IncomingMessage;
  response: ServerResponse;
  socket: Socket;
}

/** A request that has no end yet. */
interface Waiting {
  began: bigint;
  connection: Connection;
  /** Undefined of a request to upgrade: the program writes its answer itself. */
  response: ServerResponse | undefined;
}

export function watchHttpServer(node: Node): void {
  /** What each connection's requests wait for, in their order. */
  let waiting = new WeakMap<Socket, Map<IncomingMessage, Waiting>>();
  /**
   * Node.js 20 and 22 say that a response has finished when what was left of it can go nowhere,
   * too.
   */
  const aborted = new WeakSet<IncomingMessage>();

  const started = (request: IncomingMessage, socket: Socket, response?: ServerResponse) => {
    const connection = connectionOf(socket);
    const requests = waiting.get(socket) ?? new Map<IncomingMessage, Waiting>();
    requests.set(request, { began: now(), connection, response });
    waiting.set(socket, requests);
    if (!node.httpServerRequest.enabled) return;
    const { id, address, port, fd } = connection;
    const { method = '', url = '' } = request;
    node.httpServerRequest.fire(idOf(request), id, address, port, method, url, fd, hostOf(request));
  };
  const finished = (request: IncomingMessage, socket: Socket, status: number) => {
    const requests = waiting.get(socket);
    const known = requests?.get(request);
    requests?.delete(request);
    if (!aborted.has(request)) end(node.httpServerResponse, request, socket, status, known);
  };
  const upgraded = new WeakSet<IncomingMessage>();
  const upgrading = (request: IncomingMessage, socket: Socket) => {
    if (upgraded.has(request)) return;
    upgraded.add(request);
    // No other kind of stream tells what is written to it.
    if (WRITE in socket) started(request, socket);
  };
  /** What is written where a request to upgrade is the next to be answered is the answer. */
  const writing = (socket: Socket, written: unknown) => {
    const request = upgradeOf(socket);
    if (request) upgrading(request, socket);
    const [next] = waiting.get(socket) ?? [];
    if (next && !next[1].response) finished(next[0], socket, statusIn(written));
  };
  const closing = (socket: Socket) => {
    const requests = waiting.get(socket);
    waiting.delete(socket);
    for (const [request, known] of requests ?? []) {
      aborted.add(request);
      end(node.httpServerAbort, request, socket, known.response?.statusCode ?? 0, known);
    }
  };

  const sockets = () => process.getBuiltinModule('node:net').Socket.prototype;
  const behind = together(
    subscriptions({
      'http.server.request.start': ({ request, response, socket }: Message) => started(request, socket, response),
      'http.server.response.finish': ({ request, response, socket }: Message) =>
        finished(request, socket, response.statusCode),
    }),
    upgrades({ server: upgrading }),
    around(sockets, WRITE, (socket, [, written]) => {
      writing(socket, written);
      return undefined;
    }),
    around(sockets, '_destroy', (socket) => {
      closing(socket);
      return undefined;
    }),
    // A connection of another kind of stream.
    around(
      () => process.getBuiltinModule('node:http').IncomingMessage.prototype,
      '_destroy',
      ({ socket }: IncomingMessage) => {
        if (socket?.destroyed) closing(socket);
        return undefined;
      },
    ),
  );
  whileTraced([node.httpServerRequest, node.httpServerResponse, node.httpServerAbort], behind.on, () => {
    behind.off();
    // Who waits may be answered while nobody looks.
    waiting = new WeakMap();
  });
}

/** A method of sockets of Node.js's, of TLS too, which all that is written passes. */
const WRITE = '_writeGeneric';

function end(
  probe: Node['httpServerResponse'],
  request: IncomingMessage,
  socket: Socket,
  status: number,
  known: Waiting | undefined,
): void {
  if (!probe.enabled) return;
  const { id, address, port, fd } = known?.connection ?? connectionOf(socket);
  const { method = '', url = '' } = request;
  probe.fire(id, address, port, fd, idOf(request), since(known?.began), status, method, url);
}

/**
 * Of the headers as they came: `headers` is made of them when it is asked for first, and a program
 * may change them before.
 */
function hostOf({ rawHeaders }: IncomingMessage): string {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.length === 4 && rawHeaders[i]!.toLowerCase() === 'host') return rawHeaders[i + 1]!;
  }
  return '';
}
