// Behind these are the channels undici:request:*, of the undici that is a part of Node.js, that is of `fetch`, and of a program's own.
import { int32, type Provider, string, uint64 } from 'sonde';
import { whileTraced } from '../presence.js';
import { subscriptions } from './channels.js';
import { now, since } from './clock.js';
import { idOf } from './identity.js';

export const undiciProbes = {
  undiciRequest: [uint64('id'), string('origin'), string('method'), string('path')],
  undiciResponse: [uint64('id'), uint64('ns'), int32('status'), string('origin'), string('method'), string('path')],
  undiciDone: [uint64('id'), uint64('ns')],
  undiciError: [uint64('id'), uint64('ns'), string('message')],
} as const;

interface UndiciRequest {
  origin: string | URL;
  method: string;
  path: string;
}

export function watchUndici(node: Provider<typeof undiciProbes>): void {
  const began = new WeakMap<UndiciRequest, bigint>();
  const { on, off } = subscriptions({
    'undici:request:create': ({ request }: { request: UndiciRequest }) => {
      began.set(request, now());
      node.undiciRequest.fire(idOf(request), String(request.origin), request.method, request.path);
    },
    'undici:request:headers': ({ request, response }: { request: UndiciRequest; response: { statusCode: number } }) => {
      const { origin, method, path } = request;
      const ns = since(began.get(request));
      node.undiciResponse.fire(idOf(request), ns, response.statusCode, String(origin), method, path);
    },
    'undici:request:trailers': ({ request }: { request: UndiciRequest }) => {
      node.undiciDone.fire(idOf(request), since(began.get(request)));
    },
    'undici:request:error': ({ request, error }: { request: UndiciRequest; error: Error }) => {
      node.undiciError.fire(idOf(request), since(began.get(request)), String(error.message));
    },
  });
  whileTraced([node.undiciRequest, node.undiciResponse, node.undiciDone, node.undiciError], on, off);
}
