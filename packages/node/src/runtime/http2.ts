// Behind these are the channels http2.server.stream.* and http2.client.stream.*, which Node.js has
// since version 22.17 and 24.2. Each request has one end, its `close`; one that the program closed
// before it was sent has that alone.

import type { Http2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import type { Provider } from 'sonde';
import type { http2Probes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { type Listeners, subscriptions } from './channels.js';
import { now, since } from './clock.js';
import { connectionOf } from './connection.js';
import { idOf } from './identity.js';

interface Message {
  stream: Http2Stream;
  headers: IncomingHttpHeaders & OutgoingHttpHeaders;
}

export function watchHttp2(node: Provider<typeof http2Probes>): void {
  watchSide('server', node.http2ServerRequest, node.http2ServerResponse, node.http2ServerClose);
  watchSide('client', node.http2ClientRequest, node.http2ClientResponse, node.http2ClientClose);
}

function watchSide(
  side: 'server' | 'client',
  request: Provider<typeof http2Probes>['http2ServerRequest'],
  response: Provider<typeof http2Probes>['http2ServerResponse'],
  close: Provider<typeof http2Probes>['http2ServerClose'],
): void {
  const asked = new WeakMap<Http2Stream, { began: bigint; method: string; url: string }>();
  const closed = new WeakSet<Http2Stream>();
  const listeners: Listeners = {
    start({ stream, headers }: Message) {
      if (closed.has(stream)) return;
      const [method, url] = [String(headers[':method'] ?? ''), String(headers[':path'] ?? '')];
      asked.set(stream, { began: now(), method, url });
      if (!request.enabled) return;
      const { id, address, port, fd } = connectionOf(socketOf(stream));
      request.fire(
        idOf(stream),
        id,
        address,
        port,
        method,
        url,
        fd,
        String(headers[':authority'] ?? headers.host ?? ''),
      );
    },
    finish({ stream, headers }: Message) {
      if (!response.enabled) return;
      const { id, address, port, fd } = connectionOf(socketOf(stream));
      const { began, method = '', url = '' } = asked.get(stream) ?? {};
      response.fire(id, address, port, fd, idOf(stream), since(began), Number(headers[':status'] ?? 0), method, url);
    },
    close({ stream }: Message) {
      if (closed.has(stream)) return;
      closed.add(stream);
      close.fire(idOf(stream), since(asked.get(stream)?.began), stream.rstCode ?? 0);
    },
  };
  const channels = Object.entries(listeners).map(
    ([name, listener]) => [`http2.${side}.stream.${name}`, listener] as const,
  );
  const { on, off } = subscriptions(Object.fromEntries(channels));
  whileTraced([request, response, close], on, off);
}

/**
 * Below the stream's session. What that shows is a stand-in for the socket, but its methods are the
 * socket's own: one that does nothing returns it.
 */
function socketOf({ session }: Http2Stream): Socket | undefined {
  try {
    return session?.socket.off('sonde', () => {});
  } catch {
    // The session has let go of it.
    return undefined;
  }
}
