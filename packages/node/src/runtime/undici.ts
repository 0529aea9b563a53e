// Behind these are the channels undici:request:*, of the undici that is a part of Node.js, that is
// of `fetch`, and of a program's own. Each request has one end: it is done, or there is an error.
import type { Provider } from 'sonde';
import type { undiciProbes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { subscriptions } from './channels.js';
import { now, since } from './clock.js';
import { idOf } from './identity.js';
import { around } from './methods.js';

interface UndiciRequest {
  origin: string | URL;
  method: string;
  path: string;
  /** To which protocol. */
  upgrade?: string | null;
}

export function watchUndici(node: Provider<typeof undiciProbes>): void {
  const began = new WeakMap<UndiciRequest, bigint>();
  const answered = new WeakSet<UndiciRequest>();
  const ended = new WeakSet<UndiciRequest>();

  const started = (request: UndiciRequest) => {
    began.set(request, now());
    node.undiciRequest.fire(idOf(request), String(request.origin), request.method, request.path);
    if (request.upgrade || request.method === 'CONNECT') watchUpgrade(request);
  };
  const headers = (request: UndiciRequest, status: number) => {
    answered.add(request);
    const { origin, method, path } = request;
    node.undiciResponse.fire(idOf(request), since(began.get(request)), status, String(origin), method, path);
  };
  const done = (request: UndiciRequest) => {
    if (ended.has(request)) return;
    ended.add(request);
    node.undiciDone.fire(idOf(request), since(began.get(request)));
  };
  const failed = (request: UndiciRequest, error: Error) => {
    if (ended.has(request)) return;
    ended.add(request);
    node.undiciError.fire(idOf(request), since(began.get(request)), String(error.message));
  };
  /**
   * Of an upgrade, older versions (that of Node.js 20, for one) publish nothing: they call this,
   * and the connection is the program's.
   */
  const watchUpgrade = (request: UndiciRequest) => {
    const upgrade = around(
      () => request,
      'onUpgrade',
      (_self, [status]) => {
        upgrade.off();
        return (result) => {
          // What newer ones do not know yet, they publish later.
          if (typeof status === 'number') {
            if (!answered.has(request)) headers(request, status);
            done(request);
          }
          return result;
        };
      },
    );
    upgrade.on();
  };

  const { on, off } = subscriptions({
    'undici:request:create': ({ request }: { request: UndiciRequest }) => started(request),
    'undici:request:headers': ({ request, response }: { request: UndiciRequest; response: { statusCode: number } }) =>
      headers(request, response.statusCode),
    'undici:request:trailers': ({ request }: { request: UndiciRequest }) => done(request),
    'undici:request:error': ({ request, error }: { request: UndiciRequest; error: Error }) => failed(request, error),
  });
  whileTraced([node.undiciRequest, node.undiciResponse, node.undiciDone, node.undiciError], on, off);
}
