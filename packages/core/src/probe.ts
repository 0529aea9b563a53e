// The shape of `fire` was chosen by measuring (docs/performance.md): one class, so that a call site that serves many
// probes still sees one method; a view of its own for each probe, so that the load has no index to check; keys that are
// symbols, which this module alone has, because private fields (#code) cost as much again as the whole check; a fixed
// list of parameters, because a rest parameter allocates until V8 has optimised the caller. On Node.js 20 to 26 no other shape that was tried is
// quicker, at one probe or where a thousand pass one call site; what a loop of a million turns shows there is V8's.
import type { LoadedProbe } from './backend.js';
import type { ProbeDefinition } from './definition.js';
import { type Caller, type Converter, converter, type NativeValue } from './values.js';

/** What a probe watches while it is connected to nothing: it never changes. */
const NEVER = new Uint8Array(1);
const RESTS: LoadedProbe = { offset: 0, resting: 0, tracer: '', fire() {} };

export interface ProbeStatus {
  /** As tracers on Linux know it: `session__start`. */
  name: string;
  /** What to give a tool to attach to it: `usdt:PATH:smtp:session__start`. Empty while the probe rests. */
  tracer: string;
  /**
   * The tracepoint that the probe is as well: `tracepoint:user_events:smtp_session__start`, for ftrace and perf. Only with the ebpf backend,
   * where the kernel has user events.
   */
  event?: string;
  enabled: boolean;
  /** How many values did not fit their arguments and were fired as 0 or as a text that says so, or not at all. */
  errors: number;
}

/** What the rest of the core needs of a probe and programs must not reach. */
export interface ProbeControl {
  readonly definition: ProbeDefinition;
  /** Fires as if `from` had been called by the program: stacks start below it. */
  emit(from: Caller, values: readonly unknown[]): void;
  /** Counts a failure of code that was to prepare values. */
  misfit(): void;
  connect(code: Uint8Array, loaded: LoadedProbe): void;
  disconnect(): void;
  status(): ProbeStatus;
}

/**
 * A probe of a provider: a place in the program that tracers can attach to. Made by `provider()`.
 *
 * Nothing here throws, waits or changes the program, whatever is passed and whoever traces. A value that does not fit
 * its argument is fired as 0 or as a text that says so, and counted in `status()`.
 */
export interface Probe<Values extends readonly unknown[] = readonly never[]> {
  /** Whether a tracer is attached: one load and one compare, no call into native code. */
  readonly enabled: boolean;

  /**
   * Fires the probe with one value for each argument that takes one. Not traced, it costs what `enabled` costs; but what
   * stands between the parentheses is evaluated all the same: see {@link Probe.fireWith}. A method of the probe: to hand it
   * on as a function, write `(...values) => probe.fire(...values)`.
   */
  fire(this: Probe<Values>, ...values: Values): void;

  /**
   * Fires the probe with the values that `values` returns, which is called only while traced. If it throws or returns
   * no array, nothing is fired and the error is counted.
   */
  fireWith(this: Probe<Values>, values: () => Values): void;
}

type Emit = (from: Caller, ...values: unknown[]) => void;

/**
 * The classes of probes, how one is made and how it is connected. In a function, because bundlers make a `var` of a module's
 * constants: V8 takes the symbols for constants only where they are.
 */
const [makeProbe, watch, watchedOf] = (() => {
  const CODE = Symbol('code');
  const RESTING = Symbol('resting');
  const FLAG = Symbol('flag');

  class NativeProbe implements Probe<never[]> {
    declare [CODE]: Uint8Array;
    declare [RESTING]: number;
    declare readonly emit: Emit;
    declare readonly prepare: (values: () => unknown) => void;

    get enabled(): boolean {
      return this[CODE][0] !== this[RESTING];
    }

    fire(
      a?: unknown,
      b?: unknown,
      c?: unknown,
      d?: unknown,
      e?: unknown,
      f?: unknown,
      g?: unknown,
      h?: unknown,
      i?: unknown,
      j?: unknown,
      k?: unknown,
      l?: unknown,
    ): void {
      if (this[CODE][0] !== this[RESTING]) this.emit(this.fire, a, b, c, d, e, f, g, h, i, j, k, l);
    }

    fireWith(values: () => unknown): void {
      if (this[CODE][0] !== this[RESTING]) this.prepare(values);
    }
  }

  /** A probe that has a flag, too. A class of its own, so that who has none does not pay for it. */
  class FlaggedProbe extends NativeProbe {
    declare [FLAG]: Uint8Array;

    override get enabled(): boolean {
      return this[CODE][0] !== this[RESTING] || this[FLAG][0] !== 0;
    }

    override fire(
      a?: unknown,
      b?: unknown,
      c?: unknown,
      d?: unknown,
      e?: unknown,
      f?: unknown,
      g?: unknown,
      h?: unknown,
      i?: unknown,
      j?: unknown,
      k?: unknown,
      l?: unknown,
    ): void {
      if (this[CODE][0] !== this[RESTING] || this[FLAG][0] !== 0) {
        this.emit(this.fire, a, b, c, d, e, f, g, h, i, j, k, l);
      }
    }

    override fireWith(values: () => unknown): void {
      if (this[CODE][0] !== this[RESTING] || this[FLAG][0] !== 0) this.prepare(values);
    }
  }

  const make = ({ flag }: LoadedProbe): NativeProbe => (flag ? new FlaggedProbe() : new NativeProbe());
  const watch = (probe: NativeProbe, code: Uint8Array, { offset, resting, flag }: LoadedProbe) => {
    hide(probe, CODE, new Uint8Array(code.buffer, code.byteOffset + offset, 1));
    hide(probe, RESTING, resting);
    // One that it had is let go.
    if (flag || Object.hasOwn(probe, FLAG)) hide(probe, FLAG, flag);
    const kind = (flag ? FlaggedProbe : NativeProbe).prototype;
    if (Object.getPrototypeOf(probe) !== kind) Reflect.setPrototypeOf(probe, kind);
  };
  const watchedOf = (probe: NativeProbe): Watched[] => {
    const { [CODE]: code, [RESTING]: resting, [FLAG]: flag } = probe as FlaggedProbe;
    return flag
      ? [
          { memory: code, resting },
          { memory: flag, resting: 0 },
        ]
      : [{ memory: code, resting }];
  };
  return [make, watch, watchedOf];
})();

/** Memory that a probe watches. */
export interface Watched {
  readonly memory: { readonly [index: number]: number };
  /** The probe is enabled while `memory[0] !== resting`, of this or of another of its memories. */
  readonly resting: number;
}

/**
 * What a probe watches as it is connected now, for code that looks itself since even the call of `enabled` would be too much: functions that
 * `@sonde/node` has put probes into. For nobody else: **whoever writes to this memory ends the process**, it is mapped to be executed. Who gets it
 * must not hand it on, and nothing enumerable may lead to it.
 */
export function watched(probe: Pick<Probe, 'enabled'>): readonly Watched[] {
  return watchedOf(probe as Parameters<typeof watchedOf>[0]);
}

/**
 * Makes a probe, and the control over it. The probe keeps `owner` alive: a program may keep a probe and drop its
 * provider. What it is connected to from the start is given here and not by a later
 * `connect`, because V8 treats fields that never change as constants, for all probes or for none.
 */
export function createProbe(
  owner: object,
  definition: ProbeDefinition,
  code: Uint8Array = NEVER,
  loaded: LoadedProbe = RESTS,
): [Probe<never[]>, ProbeControl] {
  const probe = makeProbe(loaded);
  const converters: Converter[] = definition.arguments.map(converter);
  const takesValue = definition.arguments.map(({ type }) => type !== 'stack');
  let send = firing(loaded);
  let { tracer, event } = loaded;
  let errors = 0;
  const misfit = () => {
    errors++;
  };
  // A backend makes the function when it is asked for, and nobody may ever look at the probe.
  function firing(loaded: LoadedProbe): LoadedProbe['fire'] {
    return (...values) => {
      send = loaded.fire;
      send(...values);
    };
  }
  const emitList = (from: Caller, values: readonly unknown[]) => {
    // The program's own code may run in here (toJSON, a proxy's traps), and the stack may be nearly used up.
    try {
      const native: NativeValue[] = [];
      let next = 0;
      for (let i = 0; i < converters.length; i++) {
        native.push(converters[i]!(takesValue[i] ? values[next++] : undefined, misfit, from));
      }
      send(...native);
    } catch {
      errors++;
    }
  };
  const [first, second, third, fourth] = converters as [Converter, Converter, Converter, Converter];
  // Few values go to native code as they came: gathered in an array and spread again, they would cost more than that call.
  const emitFew: Emit = (from, a, b, c, d) => {
    try {
      switch (converters.length) {
        case 0:
          return send();
        case 1:
          return send(first(a, misfit, from));
        case 2:
          return send(first(a, misfit, from), second(b, misfit, from));
        case 3:
          return send(first(a, misfit, from), second(b, misfit, from), third(c, misfit, from));
        default:
          return send(first(a, misfit, from), second(b, misfit, from), third(c, misfit, from), fourth(d, misfit, from));
      }
    } catch {
      errors++;
    }
  };
  const emit: Emit =
    converters.length <= 4 && !takesValue.includes(false) ? emitFew : (from, ...values) => emitList(from, values);
  const prepare = (values: () => unknown) => {
    try {
      const prepared = values();
      if (Array.isArray(prepared)) emitList(probe.fireWith, prepared);
      else errors++;
    } catch {
      errors++;
    }
  };
  watch(probe, code, loaded);
  hide(probe, 'emit', emit);
  hide(probe, 'prepare', prepare);
  hide(probe, 'owner', owner);

  const connect = (code: Uint8Array, loaded: LoadedProbe) => {
    send = firing(loaded);
    ({ tracer, event } = loaded);
    watch(probe, code, loaded);
  };
  const control: ProbeControl = {
    definition,
    emit: emitList,
    misfit,
    connect,
    disconnect: () => connect(NEVER, RESTS),
    status: () => ({
      name: definition.name,
      tracer,
      ...(event !== undefined && { event }),
      enabled: probe.enabled,
      errors,
    }),
  };
  return [probe, control];
}

/**
 * Not enumerable, so that nothing which copies, freezes or prints an application's objects comes across the view: a
 * write to it is a segmentation fault.
 */
function hide(probe: Probe<never[]>, key: PropertyKey, value: unknown): void {
  if (Object.hasOwn(probe, key)) Reflect.set(probe, key, value);
  else Object.defineProperty(probe, key, { value, configurable: false, enumerable: false, writable: true });
}
