// What nobody catches or handles, on its way through `process.emit`: a listener of ours would be
// among the program's, and be taken for one that handles a rejection. An error's stack is not
// looked at before Node.js has found the line of source that it shows: afterwards it would find
// another.
import type { Provider } from 'sonde';
import type { errorProbes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { emitter } from './inspector.js';
import { around } from './methods.js';
import { queueMicrotask } from './tasks.js';

export function watchErrors(node: Provider<typeof errorProbes>): void {
  /** Of a rejection that nobody handled so far. */
  let waiting: { reason: unknown } | undefined;
  const tell = () => {
    if (waiting && node.promiseRejection.enabled) node.promiseRejection.fire(...describe(waiting.reason));
    waiting = undefined;
  };
  const { on, off } = around(emitter, 'emit', (_self, [event, reason, origin]) => {
    // Emitted of each, whatever becomes of it then.
    if (event === 'uncaughtExceptionMonitor') {
      tell();
      if (node.exceptionUncaught.enabled) node.exceptionUncaught.fire(...describe(reason), origin);
    }
    if (event !== 'unhandledRejection' || !node.promiseRejection.enabled) return undefined;
    tell();
    waiting = { reason };
    return (isHandled) => {
      if (isHandled) tell();
      // Else it is an uncaught exception next, or a warning.
      else queueMicrotask(tell);
      return isHandled;
    };
  });
  whileTraced([node.exceptionUncaught, node.promiseRejection], on, off);
}

/** The message and the stack of whatever was thrown. */
function describe(error: unknown): [string, string] {
  if (typeof error !== 'object' || error === null) return [String(error), ''];
  const { message, stack } = error as Partial<Error>;
  return [String(message ?? 'an object that is no error'), typeof stack === 'string' ? stack : ''];
}
