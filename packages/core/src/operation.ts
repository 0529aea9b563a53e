import { type Argument, string, uint64 } from './arguments.js';
import { types } from './builtins.js';
import { defineProbe, type ProbeDefinition } from './definition.js';
import { DefinitionError, messageOf, show } from './errors.js';
import type { Probe, ProbeControl } from './probe.js';
import { nextOperationId } from './registry.js';
import type { Caller } from './values.js';

const OPERATION = Symbol.for('sonde.operation');

/** What {@link operation} makes: a definition for `provider()`. */
export interface OperationSource<
  Start extends readonly Argument[] = readonly Argument[],
  Done extends readonly Argument[] = readonly Argument[],
> {
  readonly [OPERATION]: true;
  readonly name: string | undefined;
  readonly start: Start;
  readonly done: Done;
}

/**
 * Defines an operation: work that takes time and may be asynchronous, so that a tracer cannot pair its begin and its end
 * by thread. It makes three probes:
 *
 * - `<name>__start(id, …start)`
 * - `<name>__done(id, ns, …done)`, when the work returned, or its promise was fulfilled
 * - `<name>__error(id, ns, message)`, when it threw, or its promise was rejected
 *
 * `id` (uint64) tells concurrent operations apart, unique in the process, worker threads included; `ns` (uint64) is the
 * time since start in nanoseconds. `start` holds at most 11 native arguments, `done` at most 10.
 */
export function operation<const Start extends readonly Argument[] = [], const Done extends readonly Argument[] = []>(
  source: { start?: Start; done?: Done; name?: string } = {},
): OperationSource<Start, Done> {
  if (typeof source !== 'object' || source === null) {
    throw new DefinitionError(
      'SONDE_DEFINITION',
      `operation() was given ${show(source)}; give { start: […], done: […] }`,
    );
  }
  const known = ['start', 'done', 'name'];
  const unknown = Object.keys(source).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new DefinitionError(
      'SONDE_DEFINITION',
      `operation() was given ${show(unknown)}; it takes ${known.join(', ')}`,
    );
  }
  const { start = [], done = [], name } = source;
  return { [OPERATION]: true, name, start: start as Start, done: done as Done };
}

export function isOperationSource(value: unknown): value is OperationSource {
  return typeof value === 'object' && value !== null && (value as Partial<OperationSource>)[OPERATION] === true;
}

/** The three probes of an operation, in the order in which {@link Operation} takes them. */
export function defineOperation(key: string, { name, start, done }: OperationSource): ProbeDefinition[] {
  // A wrong list is told by its own name and not as what stands around it here.
  const list = (part: string, source: unknown): readonly Argument[] => {
    if (Array.isArray(source)) return source;
    throw new DefinitionError(
      'SONDE_DEFINITION',
      `${part} of operation ${show(key)} is ${show(source)}; give a list of arguments, or leave it out`,
    );
  };
  const parts: [string, readonly Argument[]][] = [
    ['start', [uint64('id'), ...list('start', start)]],
    ['done', [uint64('id'), uint64('ns'), ...list('done', done)]],
    ['error', [uint64('id'), uint64('ns'), string('message')]],
  ];
  return parts.map(([part, args]) => {
    if (name === undefined) return defineProbe(`${key}-${part}`, args);
    return defineProbe(`${key}.${part}`, { name: `${name}__${part}`, arguments: args });
  });
}

/** Tells `done` what the work returned, as values for its arguments. */
type DoneValues<Result, Done extends readonly unknown[]> = (result: Result) => Done;

/**
 * An operation of a provider. The probes fire for work that began while any of the three was traced.
 *
 * Nothing here changes what the work does: what it returns, throws or calls back reaches the program as it is.
 */
export class Operation<Start extends readonly unknown[] = never[], Done extends readonly unknown[] = never[]> {
  /** `<name>__start`, for its `enabled`. */
  readonly start: Pick<Probe, 'enabled'>;
  /** `<name>__done`, for its `enabled`. */
  readonly done: Pick<Probe, 'enabled'>;
  /** `<name>__error`, for its `enabled`. */
  readonly error: Pick<Probe, 'enabled'>;
  declare private readonly controls: readonly [ProbeControl, ProbeControl, ProbeControl];

  constructor(probes: readonly (readonly [Pick<Probe, 'enabled'>, ProbeControl])[]) {
    [this.start, this.done, this.error] = probes.map(([probe]) => probe) as [Probe, Probe, Probe];
    Object.defineProperty(this, 'controls', { value: probes.map(([, control]) => control) });
  }

  /** Whether a tracer is attached to any of the three probes. */
  get enabled(): boolean {
    return this.start.enabled || this.done.enabled || this.error.enabled;
  }

  /**
   * Runs `work` and returns what it returns. A promise is followed to its end; while traced, a plain promise is replaced
   * by one with the same outcome, so that a rejection nobody handles is still reported as such. Other thenables are
   * results like any other: to follow one, await it in an async function. A promise of a subclass, or with properties of its own as execa's, is
   * returned as it is and followed all the same, which counts as handling its rejection: awaited in an async function, it is a plain one.
   *
   * @param start values for the start probe
   * @param done makes the values for the done probe from the result; called only while that probe is traced. Without
   *   it, its own arguments are fired as misfits: leave it out only where there are none.
   */
  run<Result>(start: Start, work: () => Result, done?: DoneValues<Awaited<Result>, Done>): Result {
    if (!this.enabled) return work();
    const running = this.begin(this.run, start);
    let result: Result;
    try {
      result = work();
    } catch (error) {
      running.failed(error);
      throw error;
    }
    if (!types.isPromise(result)) {
      running.succeeded(() => done?.(result as Awaited<Result>));
      return result;
    }
    const promise = result;
    try {
      return follow(
        promise,
        (value) => running.succeeded(() => done?.(value as Awaited<Result>)),
        (error) => running.failed(error),
      ) as Result;
    } catch {
      // A subclass whose constructor does not take what `then` gives it: it cannot be followed.
      this.controls[1].misfit();
      return promise;
    }
  }

  /**
   * Runs `work` with a callback in Node.js's style and returns what it returns. While traced, `callback` is wrapped:
   * called with an error first the operation failed, otherwise it is done. Only the first call counts.
   *
   * @param start values for the start probe
   * @param callback the program's own callback, called with whatever `work` calls it with
   * @param done makes the values for the done probe from the callback's arguments after the error
   */
  runCallback<Result, Results extends unknown[], Return>(
    start: Start,
    work: (callback: (error?: unknown, ...results: Results) => Return) => Result,
    // biome-ignore lint/suspicious/noExplicitAny: programs declare what their errors are.
    callback: (error?: any, ...results: Results) => Return,
    done?: (...results: Results) => Done,
  ): Result {
    if (!this.enabled || typeof callback !== 'function') return work(callback);
    const running = this.begin(this.runCallback, start);
    let ended = false;
    const wrapped = function (this: unknown, error?: unknown, ...results: Results) {
      if (!ended) {
        ended = true;
        if (error) running.failed(error);
        else running.succeeded(() => done?.(...results));
      }
      // With as many arguments as there were: a program may count them.
      // biome-ignore lint/complexity/noArguments: see above
      return Reflect.apply(callback, this, arguments);
    };
    try {
      return work(wrapped);
    } catch (error) {
      if (!ended) {
        ended = true;
        running.failed(error);
      }
      throw error;
    }
  }

  private begin(from: Caller, values: readonly unknown[]) {
    const [start, done, error] = this.controls;
    const id = nextOperationId();
    if (this.start.enabled) firePart(start, from, id, undefined, () => values);
    const began = now();
    return {
      succeeded: (values: () => readonly unknown[] | undefined) => {
        const ns = Number(now() - began);
        if (this.done.enabled) firePart(done, from, id, ns, () => values() ?? NONE);
      },
      failed: (reason: unknown) => {
        const ns = Number(now() - began);
        if (this.error.enabled) error.fireFrom(from, id, ns, messageOf(reason));
      },
    };
  }
}

const NONE: readonly unknown[] = [];

/** As it was when sonde was loaded: tests put another clock in its place. */
const now = process.hrtime.bigint;

/**
 * Fires with the operation's own values and then the program's. These may be anything, a proxy that throws too. No array is made of both: it
 * would change its kind of elements as it grows, which takes longer than all the rest.
 *
 * @param ns undefined for a probe that has none
 */
function firePart(
  control: ProbeControl,
  from: Caller,
  id: number,
  ns: number | undefined,
  values: () => unknown,
): void {
  try {
    const v = values();
    if (Array.isArray(v)) {
      if (ns === undefined)
        control.fireFrom(from, id, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10]);
      else control.fireFrom(from, id, ns, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9]);
      return;
    }
  } catch {
    // Told below.
  }
  control.misfit();
  if (ns === undefined) control.fireFrom(from, id);
  else control.fireFrom(from, id, ns);
}

/**
 * Sees the end of a promise. A handler marks it as handled, which would hide a rejection that the program forgot: so the
 * program gets the promise that `then` made. But one that is more than a promise (a subclass, or with properties of its
 * own, like execa's) the program may need itself; it gets that back. Symbols do not count: Node.js puts its own there.
 */
function follow<T>(promise: Promise<T>, fulfilled: (value: T) => void, rejected: (error: unknown) => void): Promise<T> {
  const then = Promise.prototype.then as <A>(
    this: Promise<T>,
    a: (value: T) => A,
    b: (error: unknown) => A,
  ) => Promise<A>;
  if (isPlain(promise)) {
    return then.call(
      promise,
      (value) => {
        fulfilled(value);
        return value;
      },
      (error) => {
        rejected(error);
        throw error;
      },
    ) as Promise<T>;
  }
  then.call(promise, fulfilled, rejected);
  return promise;
}

/** Of any realm: a promise of a vm context is plain, though its prototype is not ours. A subclass has one more above. */
function isPlain(promise: Promise<unknown>): boolean {
  const prototype = Object.getPrototypeOf(promise);
  if (prototype === null || !Object.hasOwn(prototype, 'then')) return false;
  const above = Object.getPrototypeOf(prototype);
  return above !== null && Object.getPrototypeOf(above) === null && Object.keys(promise).length === 0;
}
