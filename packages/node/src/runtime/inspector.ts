// Who else is at V8's inspector of this thread. What one session has V8 stop at stops the others
// too: where a debugger is connected, the thread stands until that lets it go on, and other
// sessions are told of pauses that they did not ask for. So a probe that needs V8's debugger may
// have it while nobody else can be there, and not longer.
import type { Session } from 'node:inspector';
import { type Switch, subscriptions, together } from './channels.js';
import { around, isAround } from './methods.js';

/** Who is, or can come, and what is to be done about it; undefined while nobody can. */
export function whoElse(): string | undefined {
  const { isMainThread } = process.getBuiltinModule('node:worker_threads');
  // It comes by the main thread, and no code of this thread is called before.
  if (!isMainThread) return 'in a worker thread it cannot be seen when a debugger comes';
  return whoIsThere();
}

/** The same of who is there already, as far as that can be known in this thread. */
export function whoIsThere(): string | undefined {
  const opened = openPort();
  if (opened !== undefined) return opened;
  const connected = isConnected();
  if (connected === undefined) return 'this Node.js does not tell whether a session is connected to the inspector';
  return connected ? `the program, or a worker thread of it, has a session of the inspector: ${END_IT}` : undefined;
}

const END_IT = 'disconnect it, and attach again';

/** The same of debuggers that come by themselves. */
export function openPort(): string | undefined {
  const url = process.getBuiltinModule('node:inspector')?.url();
  return url && `a debugger can come by ${url}: close it (inspector.close()), and attach again`;
}

/**
 * While it is on, calls `come` before somebody else can be there. A worker thread may connect to
 * this one whenever it likes, unseen, but not before it is there.
 */
export function whenOthersCome(come: (who: string) => void): Switch {
  return together(
    whenConnected(come),
    subscriptions({
      worker_threads: () => come('a worker thread was started, which could debug this one: attach again once it runs'),
    }),
  );
}

/**
 * While it is on, calls `come` before a debugger can come by itself, or the program connects a
 * session in this thread.
 */
export function whenConnected(come: (who: string) => void): Switch {
  return together(
    whenOpened(come),
    around(sessions, 'connect', () => {
      if (!isConnecting) come(PROGRAM_CONNECTS);
      return undefined;
    }),
  );
}

const PROGRAM_CONNECTS = `the program has a session of the inspector: ${END_IT}`;

let isConnecting = false;
let own = 0;
/** Whether the program has connected a session since the first of our own was. */
let isOther = false;
const others = around(
  () => sessions(),
  'connect',
  () => {
    if (!isConnecting) isOther = true;
    return undefined;
  },
);

/** A session of this package's, which does not count as somebody else's. */
export function ownSession(): { session: Session; end(): void } {
  const session = new (process.getBuiltinModule('node:inspector').Session)();
  isConnecting = true;
  try {
    session.connect();
  } finally {
    isConnecting = false;
  }
  if (own++ === 0) {
    isOther = false;
    others.on();
  }
  return {
    session,
    end() {
      session.disconnect();
      if (--own === 0) others.off();
    },
  };
}

/**
 * While it is on, calls `opened` when the inspector is opened, by a signal too, before a debugger
 * can come: Node.js emits this for the processes of a cluster, before it takes a connection.
 */
export function whenOpened(opened: (who: string) => void): Switch {
  return around(emitter, 'emit', (_self, [event, message]) => {
    if (event === 'internalMessage' && message?.cmd === 'NODE_DEBUG_ENABLED') opened(openPort() ?? '');
    return undefined;
  });
}

/**
 * Whether {@link whenOpened}, being on, would be called: a program may have frozen what is needed
 * for it.
 */
export const isWatched = (): boolean => isAround(emitter(), 'emit');

/**
 * What holds `process.emit`: the program's own, or a prototype, since a property more of `process`
 * could be seen.
 */
export function emitter(): object {
  return Object.hasOwn(process, 'emit') ? process : Object.getPrototypeOf(process);
}

export const sessions = (): object => process.getBuiltinModule('node:inspector').Session.prototype;

/**
 * Whether a session is connected, of whichever thread; undefined where that cannot be known.
 * `console` hands what it prints to the inspector while there is one, by a function of Node.js's
 * which takes any two functions.
 */
function isConnected(): boolean | undefined {
  // The first of ours was connected while there was nobody.
  if (own > 0) return isOther;
  let connected = false;
  try {
    consoleCall()(
      () => {
        connected = true;
      },
      () => {},
    );
  } catch {
    return undefined;
  }
  return connected;
}

type ConsoleCall = (toInspector: () => void, toConsole: () => void) => void;

function consoleCall(): ConsoleCall {
  const { binding } = process as unknown as { binding: (name: string) => { consoleCall: ConsoleCall } };
  // With --pending-deprecation, what warns has the function that it warns of as its prototype.
  const above = Object.getPrototypeOf(binding);
  return (above === Function.prototype ? binding : (above as typeof binding)).call(process, 'inspector').consoleCall;
}
