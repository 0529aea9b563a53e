// What is evaluated in the process that is attached to. Each function goes there as a text, so it
// refers to nothing outside of itself; and the process may run any version of Node.js.

/** How long the inspector stays open at most once one of these functions has run. */
const OPEN_MS = 1000;
/**
 * What was answered has been acknowledged then, which may take 40 ms. What the inspector says at its
 * end would wait for that, and the thread with it.
 */
const ANSWERED_MS = 60;

export interface LoadRequest {
  /** The folder of @sonde/node, as the process sees it. */
  folder: string;
  /** Of that package. */
  version: string;
  /** Whether the folder was made for this process alone. */
  isOwn: boolean;
}

/** Functions that are to be watched, while they are traced. */
export interface WatchRequest {
  names: readonly string[];
  /** Of a core, that one of them may take. */
  share: number;
}

/** What became of it. */
export interface Loaded {
  /** `there` is what was loaded before. `foreign` threads are Node.js's own. */
  state: 'loaded' | 'there' | 'old' | 'failed' | 'foreign';
  /** Of Node.js. */
  node: string;
  /** Of its addons: NODE_MODULE_VERSION. */
  abi?: string;
  /** Of sonde, of what is there. */
  version?: string;
  /** Whether `sonde attach` loaded what is there, now or before. */
  byAttach?: boolean;
  backend?: string;
  /** Why it failed, or what is less than it could be. */
  reason?: string;
  /** How long the thread was busy with it. */
  ms?: number;
  /** If functions are to be watched: whether they will, or why not. */
  watches?: true | string;
}

export interface Detached {
  /** `program` loaded it itself. */
  state: 'detached' | 'none' | 'program';
}

/** @param closes whether the inspector is open for this alone */
export function loadExpression(request: LoadRequest, wanted: WatchRequest | undefined, closes: boolean): string {
  const loading = `(${load})(get,${JSON.stringify(request)})`;
  return onNextTurn(wanted ? `(${watch})(${loading},${JSON.stringify(wanted)})` : loading, closes);
}

export function detachExpression(closes: boolean): string {
  return onNextTurn(`(${detach})(get)`, closes);
}

/** The last thing that is evaluated: the inspector closes soon. */
export function endExpression(): string {
  return `{${BUILT_IN}${closeIn(ANSWERED_MS)}}0`;
}

/** Whether the main thread is the primary of a cluster, which alone listens to that. */
export function isPrimaryExpression(): string {
  return 'process.listenerCount("internalMessage")>0';
}

/** At once, wherever the thread is; what was to come when its event loop turns is called off. */
export function closeExpression(): string {
  return `delete globalThis[${ASKED}];${CLOSE}`;
}

// process.getBuiltinModule came with Node.js 20.16 and 22.3.
const BUILT_IN =
  'const get=process.getBuiltinModule??(typeof require==="function"?require:process.mainModule?.require);';
/** What inspector.close() calls, in all versions. */
const CLOSE = 'process._debugEnd()';
const ASKED = 'Symbol.for("sonde.asked.1")';
const CLOSING = 'Symbol.for("sonde.closing.1")';

const hold = (key: string, value: string) =>
  `Object.defineProperty(globalThis,${key},{configurable:true,value:${value}});`;

/** One timer at a time: it may not close what somebody opened later. */
function closeIn(ms: number): string {
  const ended = `delete globalThis[${CLOSING}];${CLOSE}`;
  return `const {setTimeout,clearTimeout}=get("timers");clearTimeout(globalThis[${CLOSING}]);const timer=setTimeout(()=>{${ended}},${ms}).unref();${hold(CLOSING, 'timer')}`;
}

/** What an expression comes to where the thread has only begun: it is to be evaluated again. */
export const EARLY = 'early';

/**
 * Whether Node.js has set the thread up; before that, it ends the process to ask for a turn of the
 * event loop. What a program put in the place of `performance` is later than that.
 */
const IS_READY =
  '((performance)=>performance!==undefined&&(!performance.nodeTiming||performance.nodeTiming.bootstrapComplete>0))(globalThis.performance)';

/**
 * The inspector interrupts the thread wherever it is, so nothing is done there: what is wanted
 * comes when the thread's event loop turns. The first thing that is arranged then is that the
 * inspector is closed, whatever becomes of who asked.
 */
function onNextTurn(expression: string, closes: boolean): string {
  const arrange = closes ? closeIn(OPEN_MS) : '';
  const turned = `if(globalThis[${ASKED}]!==asked)return;delete globalThis[${ASKED}];${arrange}resolve(JSON.stringify(${expression}))`;
  const asking = `new Promise((resolve)=>{${BUILT_IN}const asked={};${hold(ASKED, 'asked')}get("timers").setImmediate(()=>{${turned}})})`;
  return `${IS_READY}?${asking}:${JSON.stringify(JSON.stringify(EARLY))}`;
}

// biome-ignore lint/suspicious/noExplicitAny: what is there is of any version.
type Any = any;
type Get = (name: string) => Any;

function load(get: Get, { folder, version, isOwn }: LoadRequest): Loaded {
  const began = performance.now();
  const node = process.version;
  const [STARTED, LOADED, REGISTRY, ATTACHED] = ['node', 'loaded', 'registry', 'attached'].map((name) =>
    Symbol.for(`sonde.${name}.1`),
  ) as [symbol, symbol, symbol, symbol];
  const shared = globalThis as Record<symbol, Any>;
  if (shared[STARTED]) {
    const of = Object.keys(shared[LOADED] ?? {}).find((key) => key.startsWith('sonde@'));
    const known = shared[ATTACHED]?.version ?? of?.slice('sonde@'.length);
    return { state: 'there', node, byAttach: Boolean(shared[ATTACHED]), ...(known && { version: known }) };
  }
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  if (major < 20 || (major === 20 && minor < 19) || !process.getBuiltinModule) return { state: 'old', node };
  const before = { loaded: shared[LOADED], registry: shared[REGISTRY], loader: shared[REGISTRY]?.loader };
  const lib = `${folder}/lib`;
  const place = `${lib} @sonde/node`;
  let resident: Any;
  const undo = () => {
    resident?.stop();
    if (!before.loader && shared[REGISTRY]?.loader) resident?.internal.removeLoader();
    const put = (key: symbol, value: unknown) => {
      if (value === undefined) Reflect.deleteProperty(shared, key);
      else Object.defineProperty(shared, key, { value, configurable: true });
    };
    put(LOADED, before.loaded);
    if (!before.registry && shared[REGISTRY]?.providers.size === 0) put(REGISTRY, undefined);
    Reflect.deleteProperty(shared, Symbol.for('sonde.stack.1'));
    Reflect.deleteProperty(shared, ATTACHED);
    if (isOwn)
      get('fs').rmSync(folder.slice(0, folder.lastIndexOf('/node_modules/')), { recursive: true, force: true });
  };
  try {
    resident = before.loaded?.[place];
    if (!resident) {
      // Past the program's loader, and past what it shows of what it has loaded.
      const file = `${lib}/resident.cjs`;
      const module = { exports: {} };
      const names = ['exports', 'require', 'module', '__filename', '__dirname'];
      const run = get('vm').compileFunction(get('fs').readFileSync(file, 'utf8'), names, { filename: file });
      run(module.exports, get, module, file, lib);
      resident = module.exports;
    }
    resident.start();
    if (!shared[STARTED]) {
      undo();
      return { state: 'foreign', node };
    }
    const { backend, reason, providers } = resident.index.status();
    const own = providers.find(({ name }: Any) => name === 'node');
    const why = own?.reason ?? reason;
    if (backend === 'noop' || own?.location === undefined) {
      undo();
      return { state: 'failed', node, reason: why ?? `the backend is ${backend}` };
    }
    Object.defineProperty(shared, ATTACHED, { value: { version, undo }, configurable: true });
    const ms = performance.now() - began;
    const abi = process.versions.modules;
    return {
      state: 'loaded',
      node,
      abi,
      version,
      byAttach: true,
      backend,
      ms,
      ...(why !== undefined && { reason: why }),
    };
  } catch (error) {
    undo();
    return { state: 'failed', node, reason: String((error as Error)?.message ?? error) };
  }
}

/** Once it is loaded; other threads are told by this one. */
function watch(loaded: Loaded, { names, share }: WatchRequest): Loaded {
  if (loaded.state !== 'loaded' && loaded.state !== 'there') return loaded;
  const shared = globalThis as Record<symbol, Any>;
  try {
    const { functions } = shared[Symbol.for('sonde.node.1')];
    if (!functions) return { ...loaded, watches: 'its @sonde/node cannot watch functions' };
    functions.watch(names, { share, lease: true });
    return { ...loaded, watches: true };
  } catch (error) {
    return { ...loaded, watches: String((error as Error)?.message ?? error) };
  }
}

function detach(_get: Get): Detached {
  const [STARTED, ATTACHED] = ['node', 'attached'].map((name) => Symbol.for(`sonde.${name}.1`)) as [symbol, symbol];
  const shared = globalThis as Record<symbol, Any>;
  const attached = shared[ATTACHED];
  if (!attached) return { state: shared[STARTED] ? 'program' : 'none' };
  attached.undo();
  return { state: 'detached' };
}
