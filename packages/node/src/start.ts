// What every process with this package does: the provider `node`, and a look whether somebody
// traces it. What is behind the probes (rest.ts) is loaded when somebody does, or asked for it.
import { type Probe, type Provider, provider } from 'sonde';
import { applicationManifest, captureStacksWith, log } from 'sonde/internal';
import { whyForeign } from './foreign.js';
import type { Functions } from './functions/watch.js';
import { nodeProbes } from './probes.js';
import { loadRest } from './rest-file.js';
import { now } from './runtime/clock.js';
import { whileTraced } from './while-traced.js';

const debug = log('node');
const STARTED = Symbol.for('sonde.node.1');
const shared = globalThis as { [STARTED]?: StartedThread };

/**
 * What a thread that has this package holds under a symbol: for another copy of it, and for who asks
 * from outside, through the inspector.
 */
export interface StartedThread {
  /** Undefined where what is behind the probes cannot be loaded. */
  readonly functions: Functions | undefined;
}

export const startedThread = (): StartedThread | undefined => shared[STARTED];

export type NodeProvider = Provider<typeof nodeProbes>;

/** The provider `node` of this thread. */
export interface Started {
  node: NodeProvider;
  /** When it was defined. */
  began: bigint;
  /** Whether that was just now. */
  isNew: boolean;
}

/** What a thread that started has of the rest. */
export interface Rest {
  /** What is behind the probes. */
  begin(started: Started): void;
  // biome-ignore lint/complexity/noBannedTypes: any function at all.
  captureStack(depth: number, below: Function): string | undefined;
  functions: Functions;
}

let started: Started | undefined;
let rest: Rest | undefined;
/** The file is gone, or another: it is not looked for at every fire. */
let hasFailed = false;
let stopLooking = () => {};

/**
 * Defines the provider `node` in this thread and starts to look whether somebody traces it. The
 * second time, and in another copy of this package, it does nothing; nor in the thread of Node.js's
 * module hooks, nor in Deno and Bun. `@sonde/node/register` calls it.
 */
export function start(): void {
  if (shared[STARTED] || whyForeign || isHooksThread()) return;
  // Not enumerable: a program may copy its globals.
  const value: StartedThread = {
    get functions() {
      return getRest()?.functions;
    },
  };
  Object.defineProperty(shared, STARTED, { value, configurable: true });
  started = { node: provider('node', nodeProbes), began: now(), isNew: true };
  captureStacksWith((depth, below) => getRest()?.captureStack(depth, below));
  if (rest) rest.begin(started);
  else if (isRestAskedFor()) getRest();
  else {
    const end = whileTraced(probesOf(started.node), getRest, () => {});
    // A tracer may have been there.
    if (rest) end();
    else stopLooking = end;
  }
  started.isNew = false;
}

/**
 * Undoes {@link start}: the provider is withdrawn, which takes away what was there for its tracers,
 * and nobody looks any more. What SONDE_FUNCTIONS inserted into functions stays, inactive.
 */
export function stop(): void {
  if (!started) return;
  stopLooking();
  started.node.unload();
  captureStacksWith(undefined);
  Reflect.deleteProperty(shared, STARTED);
  started = undefined;
}

/** The rest says that it is there. */
export function setRest(there: Rest): void {
  rest = there;
  if (!started) return;
  stopLooking();
  rest.begin(started);
}

function getRest(): Rest | undefined {
  try {
    if (!rest && !hasFailed) loadRest();
  } catch (error) {
    hasFailed = true;
    debug('what is behind the probes of node cannot be loaded: %o', error);
  }
  return rest;
}

const probesOf = (node: NodeProvider) => Object.values(node) as unknown as Probe[];

/** Whether more is to be done than to look. What exactly, the rest reads. */
function isRestAskedFor(): boolean {
  const { SONDE_FUNCTIONS, SONDE_STACKS, SONDE_BRIDGES } = process.env;
  return Boolean(SONDE_FUNCTIONS || SONDE_STACKS || SONDE_BRIDGES || manifestNamesFunctions());
}

function manifestNamesFunctions(): boolean {
  const { text = '' } = applicationManifest() ?? {};
  return text.includes('"sonde"') && text.includes('"functions"');
}

/**
 * Node.js runs what `--require` names in the thread of its module hooks, too. Nothing of the
 * program's is there. Only another thread than the main one loads Node.js's worker_threads for it:
 * what may not be called there says so (since Node.js 12; documented nowhere).
 */
function isHooksThread(): boolean {
  if ((process.chdir as { disabled?: boolean }).disabled !== true) return false;
  const { isMainThread, parentPort, isInternalThread } = process.getBuiltinModule('node:worker_threads') as {
    isMainThread: boolean;
    parentPort: unknown;
    /** Since Node.js 22.14. */
    isInternalThread?: boolean;
  };
  return isInternalThread ?? (!isMainThread && parentPort === null);
}
