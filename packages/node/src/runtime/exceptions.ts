// Every exception, caught or not, by V8's debugger in the same thread: it stops nothing, but a
// throw costs some 0.2 ms more.
import type { Debugger, Session } from 'node:inspector';
import type { Provider } from 'sonde';
import { log } from 'sonde/internal';
import type { exceptionProbes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { guarded } from './guard.js';
import { isWatched, openPort, ownSession, whenOthersCome, whoElse } from './inspector.js';
import { setImmediate } from './tasks.js';

type Node = Provider<typeof exceptionProbes>;

const debug = log('node');

let watching: Thrown | undefined;
/** While it is traced, why it is inactive all the same. */
let reason: string | undefined;

/** Why exception__thrown is inactive, or would if a tracer attached now. */
export const whyNoExceptions = (): string | undefined => reason ?? (watching ? undefined : whoElse());

export function watchExceptions(node: Node): void {
  const end = (why?: string) => {
    others.off();
    watching?.end();
    watching = undefined;
    reason = why;
    if (why !== undefined) debug('exception__thrown is inactive: %s', why);
  };
  const others = whenOthersCome(end);
  whileTraced(
    [node.exceptionThrown],
    () => {
      const other = whoElse();
      if (other !== undefined) return end(other);
      watching = new Thrown(node);
      others.on();
      // A signal may have opened it meanwhile.
      const why = isWatched() ? openPort() : 'process.emit is frozen, and so it cannot be seen when a debugger comes';
      if (why !== undefined) end(why);
    },
    () => end(),
  );
}

/** How many files more than twice those that there are now make it worth to ask which there are. */
const SPARE_FILES = 1000;

/** Exceptions, from the constructor until the end. */
class Thrown {
  private readonly session: Session;
  private readonly disconnect: () => void;
  /**
   * Names of files by the numbers of their scripts. V8 does not tell when a script is gone, so now
   * and then it is asked anew for all.
   */
  private readonly files = new Map<string, string>();
  private most = Number.POSITIVE_INFINITY;

  constructor(node: Node) {
    const { session, end } = ownSession();
    this.session = session;
    this.disconnect = end;
    this.session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => {
      // What is made by eval() and new Function() has none.
      if (url === '') return;
      this.files.set(scriptId, url);
      if (this.files.size <= this.most) return;
      this.most = Number.POSITIVE_INFINITY;
      setImmediate(guarded(() => this.begin())).unref();
    });
    this.session.on('Debugger.paused', ({ params }) => guarded(thrown)(node, params, this.files));
    this.begin();
  }

  private begin(): void {
    this.files.clear();
    this.session.post('Debugger.disable');
    // V8 would else keep the sources of scripts that are gone.
    this.session.post('Debugger.enable', { maxScriptsCacheSize: 1 });
    this.session.post('Debugger.setPauseOnExceptions', { state: 'all' });
    this.most = 2 * this.files.size + SPARE_FILES;
  }

  end(): void {
    // V8 would go on for a session that is still there.
    this.session.post('Debugger.setPauseOnExceptions', { state: 'none' });
    this.disconnect();
  }
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
