import type { Debugger, Session } from 'node:inspector';
import { boolean, int32, log, type Provider, string } from 'sonde';
import { whileTraced } from '../presence.js';
import { guarded } from './guard.js';
import { around } from './methods.js';

export const errorProbes = {
  exceptionUncaught: [string('message'), string('stack'), string('origin')],
  exceptionThrown: [string('message'), string('function'), string('file'), int32('line'), boolean('uncaught')],
  promiseRejection: [string('message'), string('stack')],
} as const;

type Node = Provider<typeof errorProbes>;

const debug = log('node');

export function watchErrors(node: Node): void {
  watchUncaught(node);
  watchRejections(node);
  watchThrown(node);
}

/** What is listened to here changes nothing of what becomes of the exception. */
function watchUncaught(node: Node): void {
  const monitor = guarded((error: unknown, origin: string) => {
    node.exceptionUncaught.fire(...describe(error), origin);
  });
  whileTraced(
    [node.exceptionUncaught],
    () => process.on('uncaughtExceptionMonitor', monitor),
    () => process.off('uncaughtExceptionMonitor', monitor),
  );
}

/** A listener would be taken for somebody who handles them. So the event is seen on its way. */
function watchRejections(node: Node): void {
  const rejected = guarded((event: unknown, reason: unknown) => {
    if (event === 'unhandledRejection') node.promiseRejection.fire(...describe(reason));
  });
  const { on, off } = around(
    () => process,
    'emit',
    (call, _self, [event, reason]) => {
      rejected(event, reason);
      return call();
    },
  );
  whileTraced([node.promiseRejection], on, off);
}

let session: Session | undefined;
/** While it is traced, why it rests all the same. */
let reason: string | undefined;

/** Why exception__thrown rests, or would if a tracer attached now. */
export const whyNoExceptions = (): string | undefined => reason ?? (session ? undefined : openDebugger());

function openDebugger(): string | undefined {
  const url = process.getBuiltinModule('node:inspector')?.url();
  if (url === undefined) return undefined;
  return `a debugger can come by ${url}, and would be stopped at every exception: close it (inspector.close()), and attach again`;
}

/**
 * Every exception, caught or not, by V8's debugger in the same thread: it stops nothing, but a throw costs some 0.2 ms more. Where a debugger is
 * open already, nothing is done: it would be stopped as well.
 */
function watchThrown(node: Node): void {
  const files = new Map<string, string>();
  whileTraced(
    [node.exceptionThrown],
    () => {
      try {
        session = connected();
      } catch (error) {
        reason = (error as Error).message;
        return debug('exception__thrown rests: %s', reason);
      }
      session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => files.set(scriptId, url));
      session.on('Debugger.paused', ({ params }) => guarded(thrown)(node, params, files));
      session.post('Debugger.enable');
      session.post('Debugger.setPauseOnExceptions', { state: 'all' });
    },
    () => {
      session?.disconnect();
      session = undefined;
      reason = undefined;
      files.clear();
    },
  );
}

/** @throws where there is none to be had */
function connected(): Session {
  const why = openDebugger();
  if (why !== undefined) throw new Error(why);
  const session = new (process.getBuiltinModule('node:inspector').Session)();
  session.connect();
  return session;
}

function thrown(
  node: Node,
  { reason, data, callFrames }: Debugger.PausedEventDataType,
  files: ReadonlyMap<string, string>,
): void {
  const [frame] = callFrames;
  if (!frame || (reason !== 'exception' && reason !== 'promiseRejection')) return;
  const { description, value, uncaught } = data as { description?: string; value?: unknown; uncaught?: boolean };
  const { scriptId, lineNumber } = frame.location;
  const [message] = (description ?? String(value)).split('\n');
  const file = files.get(scriptId) ?? '';
  node.exceptionThrown.fire(message!, frame.functionName, file, lineNumber + 1, uncaught === true);
}

/** The message and the stack of whatever was thrown. */
function describe(error: unknown): [string, string] {
  if (typeof error !== 'object' || error === null) return [String(error), ''];
  const { message, stack } = error as Partial<Error>;
  return [String(message ?? 'an object that is no error'), typeof stack === 'string' ? stack : ''];
}
