// Follows promises of the program to their ends, such that the program cannot tell. A handler of
// ours on a promise would hide a rejection that nobody else handles, and a promise made by `then`
// in its place would be another object, without what the program put on the first. So nothing is
// attached to a promise before the program itself does so: V8's promise hooks report that, and the
// moment when a promise is settled.
import type { InspectOptions } from 'node:util';
import { inspect } from './builtins.js';

/** What a promise is followed for. Nothing here may throw. */
export interface Outcome {
  /** Called at the moment when the promise is settled; not where it was settled already. */
  settled(): void;
  /** Called some microtasks later. */
  fulfilled(value: unknown): void;
  /**
   * The same. Where nobody has handled the rejection by then, and `reason` is no error of this
   * realm, it is a text that shows what the promise was rejected with.
   */
  rejected(reason: unknown): void;
  /** Called instead, where the promise cannot be followed: its class takes no executor. */
  unknown(): void;
}

/**
 * Who wants to know. Once this is false for all that follow promises, nothing is followed any more.
 */
export interface Follower {
  readonly enabled: boolean;
}

interface PromiseHooks {
  onInit(init: (promise: object, parent?: object) => void): () => void;
  onBefore(before: (promise: object) => void): () => void;
  onSettled(settled: (promise: object) => void): () => void;
}

interface Followed {
  readonly outcomes: Outcome[];
  /** The job in which it began to be followed, if it was returned before. */
  readonly since: number;
  /** Whether the program has attached a handler: then ours changes nothing. */
  isHandled: boolean;
  /** Whether the outcome is known, or our own handler will tell. */
  isDone: boolean;
}

// As they were when sonde was loaded: a program may replace them.
const { then } = Promise.prototype;
const { apply } = Reflect;
const FULFILLED = Promise.resolve();

let following = new WeakMap<object, Followed>();
const followers = new Set<Follower>();

/**
 * Follows a promise. The program cannot tell: the promise stays the same object, a rejection is
 * reported as unhandled unless the program handles it, and its own callbacks run in the same order.
 * Only a promise of a subclass makes one more of that class. Never throws.
 *
 * While promises are followed, each promise of the thread takes some 0.1 µs longer
 * (docs/performance.md).
 *
 * @param isReturned false for the promise of an async function that has not returned it yet
 */
export function follow(promise: Promise<unknown>, follower: Follower, outcome: Outcome, isReturned = true): void {
  try {
    const hasHooks = startHooks();
    followers.add(follower);
    const known = following.get(promise);
    if (known && !known.isDone) {
      known.outcomes.push(outcome);
      return;
    }
    const followed: Followed = {
      outcomes: [outcome],
      since: isReturned ? job : Number.NaN,
      isHandled: known?.isHandled ?? !hasHooks,
      isDone: false,
    };
    following.set(promise, followed);
    if (followed.isHandled) attach(promise, followed);
    else look(promise, followed, HANDLED_WITHIN);
  } catch {
    // The stack is used up.
  }
}

/**
 * Microtasks within which a program has attached its handler, where it does so at once: an async
 * function that returns the promise takes two.
 */
const HANDLED_WITHIN = 4;

/**
 * Looks at a promise in some microtasks, unless the program has attached a handler by then: it may
 * be settled, and nobody will ever ask.
 */
function look(promise: Promise<unknown>, followed: Followed, after: number): void {
  const next = () => {
    try {
      job++;
      noteAttached();
      if (followed.isDone) return;
      if (after > 0) look(promise, followed, after - 1);
      else lookAt(promise, followed);
    } catch {
      // As above.
    }
  };
  apply(then, FULFILLED, [next]);
}

function lookAt(promise: Promise<unknown>, followed: Followed): void {
  const { state, reason } = stateOf(promise);
  if (state === 'pending') return;
  if (state === 'fulfilled') {
    // A rejection is what a handler hides, and this is none.
    attach(promise, followed);
    return;
  }
  followed.isDone = true;
  for (const outcome of followed.outcomes) outcome.rejected(reason);
}

/** Its stack is shown, since its prototype is another one: the message is taken out of it. */
const ERROR_OF_ANOTHER_REALM = /<rejected> (?:[\w$]+(?: \[\w+\])?: )?(.*?)\n +at /s;
const OTHER = /<rejected> (.*) }$/s;

interface State {
  state: 'pending' | 'fulfilled' | 'rejected';
  /**
   * What the promise was rejected with: an error itself, the message of one of another realm,
   * anything else as `util.inspect` shows it.
   */
  reason: unknown;
}

/**
 * What `util.inspect` knows of a promise, which is nowhere else to be had without a handler. It
 * shows an error by its stack, which would be formatted earlier than without a tracer, and Node.js
 * would print another line of source above it. So while it looks, errors are not shown but taken.
 */
function stateOf(promise: Promise<unknown>): State {
  const found: State = { state: 'fulfilled', reason: undefined };
  const { prototype } = Error;
  const before = Object.getOwnPropertyDescriptor(prototype, inspect.custom);
  const take = function (this: unknown): string {
    found.reason = this;
    return '';
  };
  Object.defineProperty(prototype, inspect.custom, { value: take, configurable: true });
  try {
    const shown = inspect(promise, {
      depth: 0,
      breakLength: Number.POSITIVE_INFINITY,
      // Called with each part of the text, and what it is.
      stylize(text: string, style: string) {
        if (style === 'special' && (text === '<pending>' || text === '<rejected>')) {
          found.state = text === '<pending>' ? 'pending' : 'rejected';
        }
        return text;
      },
    } as InspectOptions);
    found.reason ??= (ERROR_OF_ANOTHER_REALM.exec(shown) ?? OTHER.exec(shown))?.[1];
  } finally {
    if (before) Object.defineProperty(prototype, inspect.custom, before);
    else Reflect.deleteProperty(prototype, inspect.custom);
  }
  return found;
}

function attach(promise: Promise<unknown>, followed: Followed): void {
  followed.isDone = true;
  const { outcomes } = followed;
  try {
    apply(then, promise, [
      (value: unknown) => {
        for (const outcome of outcomes) outcome.fulfilled(value);
      },
      (reason: unknown) => {
        for (const outcome of outcomes) outcome.rejected(reason);
      },
    ]);
  } catch {
    for (const outcome of outcomes) outcome.unknown();
  }
}

let stopHooks: (() => void) | undefined;
/** How often a hook was called. */
let calls = 0;
/** After so many calls, the hooks look whether somebody still wants them. */
const CALLS_BETWEEN = 256;

/**
 * False where there are no hooks, which is so in Deno and Bun: there a rejection that nobody
 * handles is not reported while it is followed.
 */
function startHooks(): boolean {
  if (stopHooks) return true;
  const { promiseHooks } = process.getBuiltinModule('node:v8') as unknown as { promiseHooks?: PromiseHooks };
  try {
    const stops = [
      promiseHooks!.onInit(initialized),
      promiseHooks!.onBefore(() => {
        job++;
      }),
      promiseHooks!.onSettled(settled),
    ];
    stopHooks = () => {
      for (const stop of stops) stop();
    };
    return true;
  } catch {
    return false;
  }
}

function stopUnlessWanted(): void {
  for (const follower of followers) if (!follower.enabled) followers.delete(follower);
  if (followers.size > 0) return;
  stopHooks?.();
  stopHooks = undefined;
  attached = undefined;
  following = new WeakMap();
}

/** Counts jobs of promises: an async function that has returned its promise goes on in another one. */
let job = 0;

/**
 * What seems to be a handler of the program's. It is none where an async function waits for a value
 * that is no promise: V8 makes one of it, whose parent is the function's own, and settles it at
 * once. Whether it is, is known when a hook is called next; then ours comes behind that of the
 * program. In the job in which the promise began to be followed, it is one, and ours comes first.
 */
let attached: { made: object; parent: Promise<unknown>; followed: Followed } | undefined;

/** A promise was made, by `then` or `await` on its parent if it has one. */
function initialized(made: object, parent?: object): void {
  try {
    if (++calls % CALLS_BETWEEN === 0) stopUnlessWanted();
    noteAttached();
    if (!parent) return;
    const followed = following.get(parent);
    if (!followed || followed.isHandled) return;
    attached = { made, parent: parent as Promise<unknown>, followed };
    if (followed.since === job) noteAttached();
  } catch {
    // The stack is used up.
  }
}

function noteAttached(): void {
  if (!attached) return;
  const { parent, followed } = attached;
  attached = undefined;
  followed.isHandled = true;
  if (!followed.isDone) attach(parent, followed);
}

/** A promise is about to be settled. */
function settled(promise: object): void {
  try {
    if (++calls % CALLS_BETWEEN === 0) stopUnlessWanted();
    if (attached?.made === promise) attached = undefined;
    else noteAttached();
    const followed = following.get(promise);
    if (!followed) return;
    for (const outcome of followed.outcomes) outcome.settled();
    if (!followed.isDone) look(promise as Promise<unknown>, followed, HANDLED_WITHIN);
  } catch {
    // As above.
  }
}
