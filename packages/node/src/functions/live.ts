// Probes for functions of a program that is running already, loaded without any: V8's LiveEdit,
// which debuggers have for editing a program as it runs, through the inspector of Node.js in the
// process itself (no port is opened). Entries only: a `try` or a changed `return` is taken and has
// no effect. File by file, one for each turn of the event loop; taken out again when the tracer
// leaves.
import type { Session } from 'node:inspector';
import type { Provider } from 'sonde';
import { log, messageOf } from 'sonde/internal';
import type { functionProbes } from '../probes.js';
import { now } from '../runtime/clock.js';
import { sourceMapOf } from '../source-maps.js';
import { whileTraced } from '../while-traced.js';
import { checkCanBeKnown, firstIdOf, type InstrumentedFile, makeKnown, placesOf } from './functions.js';
import { hashOf } from './instrumenter.js';
import type { Skipped } from './skipped.js';
import { instrument, MARK, withoutInsertions } from './transform.js';

const debug = log('functions');

/** In UTF-16 units. A file of 250 kB stops the program for seconds on a busy machine. */
const LONGEST_SOURCE = 200_000;
/** Of a file that is loaded again and again while it is traced. */
const MOST_VERSIONS = 8;

interface LiveOptions {
  node: Provider<typeof functionProbes>;
  wants(path: string): boolean;
  /** As transform.ts has it. */
  check: string;
  skipped: Skipped;
}

interface Script {
  id: string;
  path: string;
  /** That are patched in it. */
  functions: number;
}

/**
 * From now on, what a tracer of `function__entry` needs is there while it is attached.
 *
 * @returns what counts files and functions that are patched just now
 */
export function patchWhileTraced(options: LiveOptions): () => { files: number; functions: number } {
  const patches = new Patches(options);
  whileTraced(
    [options.node.functionEntry],
    () => patches.want(true),
    () => patches.want(false),
  );
  return () => patches.count();
}

class Patches {
  private readonly options: LiveOptions;
  private session: Session | undefined;
  private wanted = false;
  private isTurning = false;
  private readonly waiting: Script[] = [];
  /** The oldest first. */
  private readonly patched: Script[] = [];

  constructor(options: LiveOptions) {
    this.options = options;
  }

  count(): { files: number; functions: number } {
    const { length: files } = this.patched;
    return { files, functions: this.patched.reduce((sum, { functions }) => sum + functions, 0) };
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
      this.waiting.push({ id: scriptId, path, functions: 0 });
      this.turn();
    });
    // Tells of every script that there is, before it returns.
    post(session, 'Debugger.enable', {});
    const reason = whyNot(session);
    if (reason === undefined) return;
    this.waiting.length = 0;
    this.end(session);
    this.skip('', reason);
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
      // For a tracer that comes before all are restored.
      if (this.restore(session, script)) this.waiting.push({ ...script, functions: 0 });
      return true;
    }
    this.waiting.length = 0;
    this.end(session);
    return false;
  }

  private patch(session: Session, script: Script): void {
    const { check, node, skipped } = this.options;
    const { path, id } = script;
    const began = now();
    const source = sourceOf(session, id);
    // Nothing of it is there any more; or it got its probes when it was loaded.
    if (source === undefined || source.includes(MARK)) return;
    try {
      if (source.length > LONGEST_SOURCE) throw new Error(`it is longer than ${LONGEST_SOURCE} characters`);
      const firstId = firstIdOf(hashOf('live', path, source));
      let made = this.edited(session, script, { source, firstId, check });
      if (typeof made === 'string') {
        // A function that waits cannot be exchanged; others in the file can.
        made = this.edited(session, script, { source, firstId, check, skipsWaiting: true });
      }
      if (typeof made === 'string') throw new Error(`V8 says ${made}`);
      if (made.functions.count === 0) return;
      makeKnown(firstId, made);
      script.functions = made.functions.count;
      this.patched.push(script);
      skipped.remove(path);
      node.functionPatch.fire(path, script.functions, now() - began, '');
    } catch (error) {
      this.skip(path, messageOf(error));
    }
    const versions = this.patched.filter((other) => other.path === path);
    if (versions.length <= MOST_VERSIONS) return;
    this.patched.splice(this.patched.indexOf(versions[0]!), 1);
    this.restore(session, versions[0]!);
  }

  /**
   * What V8 says where it is that functions are in use, or that something outside of them seems
   * changed to it.
   */
  private edited(
    session: Session,
    { id, path: name }: Script,
    { source, ...how }: { source: string; firstId: number; check: string; skipsWaiting?: true },
  ): InstrumentedFile | string {
    const made = instrument(source, { ...how, returns: 'none' });
    const file = { name, sourceMap: sourceMapOf(source), functions: placesOf(made?.functions ?? []) };
    if (!made || file.functions.count === 0) return file;
    checkCanBeKnown(how.firstId, file);
    const status = setSource(session, id, made.code);
    if (status.startsWith('Blocked')) return status;
    if (status !== 'Ok') throw new Error(`V8 says ${status}`);
    if (sourceOf(session, id) !== made.code) throw new Error('V8 says that it is patched, and it is not');
    return file;
  }

  /** Whether it is as it was, and still there. */
  private restore(session: Session, { id, path }: Script): boolean {
    const began = now();
    const source = sourceOf(session, id);
    if (source === undefined) return false;
    const status = setSource(session, id, withoutInsertions(source));
    if (status !== 'Ok') {
      // It goes on as it is, and costs what functions cost that got their probes when they were
      // loaded.
      this.skip(path, `it stays patched: V8 says ${status}`);
      return false;
    }
    this.options.node.functionPatch.fire(path, 0, now() - began, '');
    return true;
  }

  private skip(path: string, reason: string): void {
    const { node, skipped } = this.options;
    debug('%s: %s', path, reason);
    skipped.add(path, reason);
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

/** Undefined where V8 has thrown the script away. */
function sourceOf(session: Session, scriptId: string): string | undefined {
  try {
    return post(session, 'Debugger.getScriptSource', { scriptId }).scriptSource;
  } catch (error) {
    debug('%s', messageOf(error));
    return undefined;
  }
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
