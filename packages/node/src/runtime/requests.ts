// Which http request of this server the code that runs now belongs to, through promises and
// callbacks. Known of requests that begin while somebody asks.
import type { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import { type Switch, subscriptions } from './channels.js';
import { idOf } from './identity.js';

export interface Request {
  /** As in http__server__request. */
  id: number;
  method: string;
  url: string;
}

const NONE: Request = { id: 0, method: '', url: '' };

let storage: AsyncLocalStorage<Request> | undefined;
let users = 0;

const channels = subscriptions({
  'http.server.request.start': ({ request }: { request: IncomingMessage }) => {
    const { method = '', url = '' } = request;
    storage?.enterWith({ id: idOf(request), method, url });
  },
});

/**
 * While it is on for anybody, Node.js carries the request along; before version 24 that makes
 * promises slower.
 */
export const requests: Switch = {
  on() {
    if (users++ > 0) return;
    const { AsyncLocalStorage } = process.getBuiltinModule('node:async_hooks');
    storage = new AsyncLocalStorage();
    channels.on();
  },
  off() {
    if (--users > 0) return;
    channels.off();
    storage?.disable();
    storage = undefined;
  },
};

/**
 * The request that is being answered; id 0 where there is none, or {@link requests} was off when it
 * began.
 */
export function currentRequest(): Request {
  return storage?.getStore() ?? NONE;
}
