// Probes for functions of a program that is running already, loaded without any: V8's LiveEdit, which debuggers have for editing a program as it
// runs, through the inspector of Node.js in the process itself (no port is opened). Entries only: a `try` or a changed `return` is taken and has
// no effect. File by file, one for each turn of the event loop; taken out again when the tracer leaves.
import type { Session } from 'node:inspector';
import { log, type Provider } from 'sonde';
import { whileTraced } from '../presence.js';
import { now } from '../runtime/clock.js';
import { firstIdOf, makeKnown } from './functions.js';
import { type Counts, hashOf, sourceMapOf } from './instrumenter.js';
import { messageOf } from './message.js';
import type { functionProbes } from './probes.js';
import { instrument, MARK } from './transform.js';

const debug = log('functions');

/** In UTF-16 units. A file of 250 kB stops the program for seconds on a busy machine. */
const LONGEST_SOURCE = 200_000;

interface LiveOptions {
  node: Provider<typeof functionProbes>;
  wants(path: string): boolean;
  /** As transform.ts has it. */
  check: string;
  counts: Counts;
}

interface Script {
  id: string;
  path: string;
  /** Its source before it was patched; undefined while it is not. */
  original: string | undefined;
  functions: number;
}

/** From now on, what a tracer of `function__entry` needs is there while it is attached. */
export function patchWhileTraced(options: LiveOptions): void {
  const patches = new Patches(options);
  whileTraced(
    [options.node.functionEntry],
    () => patches.want(true),
    () => patches.want(false),
  );
}

class Patches {
  private readonly options: LiveOptions;
  private session: Session | undefined;
  private wanted = false;
  private isTurning = false;
  private readonly waiting: Script[] = [];
  private readonly patched: Script[] = [];

  constructor(options: LiveOptions) {
    this.options = options;
  }

  want(wanted: boolean): void {
    this.wanted = wanted;
    if (wanted && !this.session) this.begin();
    this.turn();
  }

  private begin(): void {
    // As late as this: where nobody attaches, it is not loaded.
    const { Session } = process.getBuiltinModule('node:inspector');
    const session = new Session();
    session.connect();
    this.session = session;
    session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => {
      const path = pathOf(url);
      if (path === undefined || !this.options.wants(path)) return;
      this.waiting.push({ id: scriptId, path, original: undefined, functions: 0 });
      this.turn();
    });
    // Tells of every script that there is, before it returns.
    post(session, 'Debugger.enable', {});
    const reason = whyNot(session);
    if (reason === undefined) return;
    this.waiting.length = 0;
    this.end(session);
    this.skip({ id: '', path: '', original: undefined, functions: 0 }, reason);
  }

  private end(session: Session): void {
    this.session = undefined;
    post(session, 'Debugger.disable', {});
    session.disconnect();
  }

  /** One file in each turn of the event loop, until there are as many patched as are wanted. */
  private turn(): void {
    if (this.isTurning) return;
    this.isTurning = true;
    setImmediate(() => {
      this.isTurning = false;
      const { session } = this;
      if (!session) return;
      try {
        if (this.step(session)) this.turn();
      } catch (error) {
        debug('%s', messageOf(error));
      }
    }).unref();
  }

  /** Whether there is more to do. */
  private step(session: Session): boolean {
    if (this.wanted) {
      const script = this.waiting.pop();
      if (!script) return false;
      this.patch(session, script);
      return true;
    }
    const script = this.patched.pop();
    if (script) {
      this.restore(session, script);
      return true;
    }
    this.waiting.length = 0;
    this.end(session);
    return false;
  }

  private patch(session: Session, script: Script): void {
    const { check, counts, node } = this.options;
    const began = now();
    try {
      const { scriptSource } = post(session, 'Debugger.getScriptSource', { scriptId: script.id });
      // It got its probes when it was loaded.
      if (scriptSource.includes(MARK)) return;
      if (scriptSource.length > LONGEST_SOURCE) throw new Error(`it is longer than ${LONGEST_SOURCE} characters`);
      const firstId = firstIdOf(hashOf('live', script.path, scriptSource));
      let made = this.edited(session, script, { source: scriptSource, firstId, check });
      if (typeof made === 'string') {
        // A function that waits cannot be exchanged; others in the file can.
        made = this.edited(session, script, { source: scriptSource, firstId, check, skipsWaiting: true });
      }
      if (typeof made === 'string') throw new Error(`V8 says ${made}`);
      if (made.functions.length === 0) return;
      makeKnown(firstId, { name: script.path, sourceMap: sourceMapOf(scriptSource), functions: made.functions });
      script.original = scriptSource;
      script.functions = made.functions.length;
      this.patched.push(script);
      counts.files++;
      counts.functions += script.functions;
      node.functionPatch.fire(script.path, script.functions, now() - began, '');
    } catch (error) {
      this.skip(script, messageOf(error));
    }
  }

  /** What V8 says where it is that functions are in use, or that something outside of them seems changed to it. */
  private edited(
    session: Session,
    { id }: Script,
    { source, ...how }: { source: string; firstId: number; check: string; skipsWaiting?: true },
  ) {
    const made = instrument(source, { ...how, returns: 'none' });
    if (!made || made.functions.length === 0) return { code: source, functions: [] };
    const status = setSource(session, id, made.code);
    if (status.startsWith('Blocked')) return status;
    if (status !== 'Ok') throw new Error(`V8 says ${status}`);
    if (post(session, 'Debugger.getScriptSource', { scriptId: id }).scriptSource !== made.code) {
      throw new Error('V8 says that it is patched, and it is not');
    }
    return made;
  }

  private restore(session: Session, script: Script): void {
    const { counts, node } = this.options;
    const began = now();
    const status = setSource(session, script.id, script.original!);
    counts.files--;
    counts.functions -= script.functions;
    if (status !== 'Ok') {
      // It goes on as it is, and costs what functions cost that got their probes when they were loaded.
      this.skip(script, `it stays patched: V8 says ${status}`);
      return;
    }
    node.functionPatch.fire(script.path, 0, now() - began, '');
    // For a tracer that comes before all are restored.
    this.waiting.push(script);
  }

  private skip({ path }: Script, reason: string): void {
    const { counts, node } = this.options;
    debug('%s: %s', path, reason);
    // Each time that a tracer attaches, the same files are tried again.
    if (!counts.skipped.some((known) => known.file === path && known.reason === reason)) {
      counts.skipped.push({ file: path, reason });
    }
    node.functionPatch.fire(path, 0, 0, reason);
  }
}

function pathOf(url: string): string | undefined {
  if (url.startsWith('file:')) {
    try {
      return process.getBuiltinModule('node:url').fileURLToPath(url);
    } catch {
      // A `sourceURL` may be anything.
      return undefined;
    }
  }
  return process.getBuiltinModule('node:path').isAbsolute(url) ? url : undefined;
}

function setSource(session: Session, scriptId: string, scriptSource: string): string {
  const { status, exceptionDetails } = post(session, 'Debugger.setScriptSource', { scriptId, scriptSource });
  return status ?? (exceptionDetails ? exceptionDetails.text : 'Ok');
}

/** Why functions cannot be patched here, if they cannot: tried on one of our own. */
function whyNot(session: Session): string | undefined {
  const { Script } = process.getBuiltinModule('node:vm');
  const name = 'sonde:canary';
  let id = '';
  session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => {
    if (url === name) id = scriptId;
  });
  try {
    const canary = new Script('(function canary() { return 1; })', {
      filename: name,
    }).runInThisContext() as () => number;
    canary();
    const status = setSource(session, id, '(function canary() { return 2; })');
    if (status === 'Ok' && canary() === 2) return undefined;
    return `V8 says ${status} and does not patch functions`;
  } catch (error) {
    // V8 14 of Node.js 26 has no LiveEdit any more.
    return messageOf(error);
  }
}

interface Answers {
  'Debugger.enable': object;
  'Debugger.disable': object;
  'Debugger.getScriptSource': { scriptSource: string };
  'Debugger.setScriptSource': { status?: string; exceptionDetails?: { text: string } };
}

/** In one thread, the inspector answers before it returns. */
function post<Method extends keyof Answers>(session: Session, method: Method, parameters: object): Answers[Method] {
  let answer: Answers[Method] | undefined;
  let failed: unknown;
  session.post(method, parameters, (error: unknown, result: unknown) => {
    failed = error;
    answer = result as Answers[Method];
  });
  if (failed) throw new Error(`${method}: ${messageOf(failed)}`);
  return answer!;
}
