import { type Argument, string, uint64 } from './arguments.js';
import { types } from './builtins.js';
import { defineProbe, type Part, type ProbeDefinition } from './definition.js';
import { DefinitionError, messageOf, show } from './errors.js';
import { follow, type Outcome } from './following.js';
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
 * Defines an operation: work that takes time and may be asynchronous, so that a tracer cannot pair
 * its begin and its end by thread. It makes three probes:
 *
 * - `<name>__start(id, …start)`
 * - `<name>__done(id, ns, …done)`, when the work returned, or its promise was fulfilled
 * - `<name>__error(id, ns, message)`, when it threw, or its promise was rejected
 *
 * `id` (uint64) tells concurrent operations apart, unique in the process, worker threads included;
 * `ns` (uint64) is the time since start in nanoseconds. `start` holds at most 11 native arguments,
 * `done` at most 10.
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
  const parts: [Part, readonly Argument[]][] = [
    ['start', [uint64('id'), ...list('start', start)]],
    ['done', [uint64('id'), uint64('ns'), ...list('done', done)]],
    ['error', [uint64('id'), uint64('ns'), string('message')]],
  ];
  return parts.map(([part, args]) => {
    return defineProbe(key, name === undefined ? args : { name: `${name}__${part}`, arguments: args }, part);
  });
}

/**
 * What {@link Operation.run} gives to `done` for what the work returned: of a promise the value
 * that it was fulfilled with. Other thenables, which may begin their work only when somebody calls
 * their `then`, are results like any other.
 */
export type Followed<Result> = Result extends Promise<infer Value> ? Value : Result;

/**
 * Fires the start of an operation; undefined while nobody traces it. A Proxy of one has no
 * controls.
 */
let begin: (operation: Operation<never, never>, from: Caller, start: readonly unknown[]) => Running | undefined;

/**
 * An operation of a provider. The probes fire for work that began while any of the three was
 * traced.
 *
 * Nothing here changes what the work does: what it returns, throws or calls back reaches the
 * program as it is.
 */
export class Operation<Start extends readonly unknown[] = never[], Done extends readonly unknown[] = never[]> {
  /** `<name>__start`, for its `enabled`. */
  readonly start: Pick<Probe, 'enabled'>;
  /** `<name>__done`, for its `enabled`. */
  readonly done: Pick<Probe, 'enabled'>;
  /** `<name>__error`, for its `enabled`. */
  readonly error: Pick<Probe, 'enabled'>;
  readonly #controls: readonly [ProbeControl, ProbeControl, ProbeControl];

  constructor(probes: readonly (readonly [Pick<Probe, 'enabled'>, ProbeControl])[]) {
    [this.start, this.done, this.error] = probes.map(([probe]) => probe) as [Probe, Probe, Probe];
    this.#controls = probes.map(([, control]) => control) as [ProbeControl, ProbeControl, ProbeControl];
  }

  static {
    begin = (operation, from, values) => {
      if (!operation.enabled) return undefined;
      const [start, ...ends] = operation.#controls;
      const id = nextOperationId();
      if (operation.start.enabled) firePart(start, from, id, undefined, () => values);
      return new Running(operation, ends, from, id);
    };
  }

  /** Whether a tracer is attached to any of the three probes. */
  get enabled(): boolean {
    return this.start.enabled || this.done.enabled || this.error.enabled;
  }

  /**
   * Runs `work` and returns what it returns, the same object whether somebody traces or not. A
   * promise is followed to its end. Other thenables are results like any other, as some begin their
   * work only when somebody calls their `then`: to follow one, await it in an async function.
   *
   * @param start values for the start probe
   * @param done makes the values for the done probe from the result; called only while that probe
   * is traced. Without
   *   it, its own arguments are fired as errors: leave it out only where there are none.
   */
  run<Result>(start: Start, work: () => Result, done?: (result: Followed<Result>) => Done): Result {
    let running: Running | undefined;
    // Whatever is called here may be what there is no room for any more on the stack, where the
    // work itself has enough.
    try {
      running = begin(this, this.run, start);
    } catch {}
    if (!running) return work();
    let result: Result;
    try {
      result = work();
    } catch (error) {
      try {
        running.failed(error);
      } catch {}
      throw error;
    }
    try {
      running.returned(result, done as ((result: unknown) => Done) | undefined);
    } catch {}
    return result;
  }

  /**
   * Runs `work` with a callback in Node.js's style and returns what it returns. While traced,
   * `callback` is wrapped: called with an error first the operation failed, otherwise it is done.
   * Only the first call counts.
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
    let running: Running | undefined;
    try {
      running = typeof callback === 'function' ? begin(this, this.runCallback, start) : undefined;
    } catch {}
    if (!running) return work(callback);
    const wrapped = function (this: unknown, error?: unknown, ...results: Results) {
      try {
        if (error) running.failed(error);
        else running.succeeded(() => done?.(...results));
      } catch {}
      // With as many arguments as there were: a program may count them.
      // biome-ignore lint/complexity/noArguments: see above
      return Reflect.apply(callback, this, arguments);
    };
    try {
      return work(wrapped);
    } catch (error) {
      try {
        running.failed(error);
      } catch {}
      throw error;
    }
  }
}

/** One run of an operation, from its start on. Only the first end counts. */
class Running implements Outcome {
  private readonly operation: Pick<Operation, 'enabled' | 'done' | 'error'>;
  private readonly controls: readonly [done: ProbeControl, error: ProbeControl];
  private readonly from: Caller;
  private readonly id: number;
  private readonly began: bigint;
  private ended: bigint | undefined;
  private isReported = false;
  private done: ((result: unknown) => readonly unknown[]) | undefined;

  constructor(operation: Running['operation'], controls: Running['controls'], from: Caller, id: number) {
    this.operation = operation;
    this.controls = controls;
    this.from = from;
    this.id = id;
    this.began = now();
  }

  returned(result: unknown, done: Running['done']): void {
    if (types.isPromise(result)) {
      this.done = done;
      // The end, unless `settled` is called later.
      this.ended = now();
      follow(result, this.operation, this);
    } else {
      this.succeeded(() => done?.(result));
    }
  }

  succeeded(values: () => readonly unknown[] | undefined): void {
    if (this.isReported) return;
    this.isReported = true;
    const ns = this.elapsed();
    if (this.operation.done.enabled) firePart(this.controls[0], this.from, this.id, ns, () => values() ?? NONE);
  }

  failed(reason: unknown): void {
    if (this.isReported) return;
    this.isReported = true;
    const ns = this.elapsed();
    if (this.operation.error.enabled) this.controls[1].fireFrom(this.from, this.id, ns, messageOf(reason));
  }

  settled(): void {
    this.ended = now();
  }

  fulfilled(value: unknown): void {
    this.succeeded(() => this.done?.(value));
  }

  rejected(reason: unknown): void {
    this.failed(reason);
  }

  unknown(): void {
    this.controls[0].countError();
  }

  private elapsed(): number {
    return Number((this.ended ?? now()) - this.began);
  }
}

const NONE: readonly unknown[] = [];

/** As it was when sonde was loaded: tests put another clock in its place. */
const now = process.hrtime.bigint;

/**
 * Fires with the operation's own values and then the program's. These may be anything, a proxy that
 * throws too. No array is made of both: it would change its kind of elements as it grows, which
 * takes longer than all the rest.
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
  control.countError();
  if (ns === undefined) control.fireFrom(from, id);
  else control.fireFrom(from, id, ns);
}
