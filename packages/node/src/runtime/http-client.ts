// Behind these are the channels http.client.request.start (headers and body are handed over),
// http.client.response.finish (which says that the response's headers are there) and
// http.client.request.error: of http and https, not of fetch, which undici.ts has. Each request has
// one end: its response, or an error. What fails or is answered before all of it was handed over
// has that alone.
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Provider } from 'sonde';
import type { httpClientProbes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { subscriptions, together } from './channels.js';
import { now, since } from './clock.js';
import { type Connection, connectionOf } from './connection.js';
import { upgrades } from './http-upgrades.js';
import { idOf } from './identity.js';

export function watchHttpClient(node: Provider<typeof httpClientProbes>): void {
  const began = new WeakMap<ClientRequest, bigint>();
  const ended = new WeakSet<ClientRequest>();

  const started = (request: ClientRequest) => {
    if (ended.has(request)) return;
    began.set(request, now());
    if (!node.httpClientRequest.enabled) return;
    const { id, address, port, fd } = connectionTo(request);
    node.httpClientRequest.fire(
      ...([idOf(request), id, address, port, request.method, request.path, fd, hostOf(request)] as const),
    );
  };
  const answered = (request: ClientRequest, { statusCode = 0 }: IncomingMessage) => {
    if (ended.has(request)) return;
    ended.add(request);
    if (!node.httpClientResponse.enabled) return;
    const { id, address, port, fd } = connectionTo(request);
    const ns = since(began.get(request));
    node.httpClientResponse.fire(id, address, port, fd, idOf(request), ns, statusCode, request.method, request.path);
  };
  const failed = (request: ClientRequest, error: Error) => {
    if (ended.has(request)) return;
    ended.add(request);
    const ns = since(began.get(request));
    const { method, path } = request;
    node.httpClientError.fire(idOf(request), ns, String(error.message), method, path, hostOf(request));
  };

  const { on, off } = together(
    subscriptions({
      'http.client.request.start': ({ request }: { request: ClientRequest }) => started(request),
      'http.client.response.finish': ({ request, response }: { request: ClientRequest; response: IncomingMessage }) =>
        answered(request, response),
      'http.client.request.error': ({ request, error }: { request: ClientRequest; error: Error }) =>
        failed(request, error),
    }),
    upgrades({ client: answered }),
  );
  whileTraced([node.httpClientRequest, node.httpClientResponse, node.httpClientError], on, off);
}

/**
 * On a new connection, the request is handed over before that is there: then it is known by name
 * only. A Unix domain socket is by its path, always.
 */
function connectionTo(request: ClientRequest): Connection {
  const connection = connectionOf(request.socket);
  if (connection.address) return connection;
  const { socketPath } = request as { socketPath?: string };
  if (socketPath) return { ...connection, address: socketPath, port: 0 };
  return { ...connection, address: request.host, port: portOf(request) };
}

/** As Node.js wrote it into the header; 0 where the program's own names another host. */
function portOf(request: ClientRequest): number {
  const [, name, port] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(hostOf(request)) ?? [];
  if (name !== request.host) return 0;
  return Number(port ?? (request.protocol === 'https:' ? 443 : 80));
}

function hostOf(request: ClientRequest): string {
  const header = request.getHeader('host');
  return typeof header === 'string' ? header : request.host;
}
