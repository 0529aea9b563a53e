// The shape of `fire` was chosen by measuring (docs/performance.md): one class, so that a call site that serves many
// probes still sees one method; one view for all probes of a provider and an offset, because a view of its own for each is two cache lines
// more, which in a program that does other work meanwhile cost more than all the rest; the resting byte in the class and not in each probe, which is a
// load less; the probes of a provider made before what stands behind them, so that they lie side by side; keys that are
// symbols, which this module alone has, because private fields (#code) cost as much again as the whole check; a fixed
// list of parameters, because a rest parameter allocates until V8 has optimised the caller. On Node.js 20 to 26 no other shape that was tried is
// quicker, at one probe or where a thousand pass one call site; what a loop of a million turns shows there is V8's.
import type { LoadedProbe, LoadedProvider } from './backend.js';
import type { ProbeDefinition } from './definition.js';
import { type Caller, type Converter, converter, type NativeValue } from './values.js';

/** What a probe is connected to while it is connected to nothing. */
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

/** What the rest of the core needs of a probe and programs must not reach. */
export interface ProbeControl {
  readonly definition: ProbeDefinition;
  /**
   * Fires with up to twelve values, as if `from` had been called by the program: stacks start below it. Not named `fire`, nor is any other function
   * of this package but the methods that programs call: a native capture finds `from` in the stack by its name.
   */
  fireFrom(from: Caller, ...values: unknown[]): void;
  /** Counts a failure of code that was to prepare values. */
  misfit(): void;
  /** @param code {@link watchable} */
  connect(code: Int8Array, loaded: LoadedProbe): void;
  disconnect(): void;
  status(): ProbeStatus;
}

/**
 * The classes of probes, how one is made and how it is connected. In a function, because bundlers make a `var` of a module's
 * constants: V8 takes the symbols for constants only where they are.
 */
const [makeProbe, putControl, watch, watchedOf, stubIn] = (() => {
  const CODE = Symbol('code');
  const OFFSET = Symbol('offset');
  const FLAG = Symbol('flag');
  const CONTROL = Symbol('control');
  const KIND = Symbol('kind');

  /** The classes of probes that rest while their byte is `resting`: in a process all do that have the same backend. */
  const makeKind = (resting: number) => {
    class NativeProbe implements Probe<never[]> {
      declare [CODE]: Int8Array;
      declare [OFFSET]: number;
      declare [CONTROL]: Control;
      declare [KIND]: Kind;

      get enabled(): boolean {
        return this[CODE][this[OFFSET]] !== resting;
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
        if (this[CODE][this[OFFSET]] !== resting) {
          this[CONTROL].fireFrom(this.fire, a, b, c, d, e, f, g, h, i, j, k, l);
        }
      }

      fireWith(values: () => unknown): void {
        if (this[CODE][this[OFFSET]] !== resting) this[CONTROL].prepare(this.fireWith, values);
      }
    }

    /** A probe that has a flag, too. A class of its own, so that who has none does not pay for it. */
    class FlaggedProbe extends NativeProbe {
      declare [FLAG]: Int8Array;

      override get enabled(): boolean {
        return this[CODE][this[OFFSET]] !== resting || this[FLAG][0] !== 0;
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
        if (this[CODE][this[OFFSET]] !== resting || this[FLAG][0] !== 0) {
          this[CONTROL].fireFrom(this.fire, a, b, c, d, e, f, g, h, i, j, k, l);
        }
      }

      override fireWith(values: () => unknown): void {
        if (this[CODE][this[OFFSET]] !== resting || this[FLAG][0] !== 0) this[CONTROL].prepare(this.fireWith, values);
      }
    }

    /** `never`: watched by a probe that is connected to nothing. It never changes. */
    const kind = { resting, never: Int8Array.of(resting), NativeProbe, FlaggedProbe };
    hide(NativeProbe.prototype, KIND, kind);
    return kind;
  };
  type Kind = ReturnType<typeof makeKind>;
  type NativeProbe = InstanceType<Kind['NativeProbe']>;

  const NEVER_SET = Int8Array.of(0);
  const kinds = new Map<number, Kind>();
  const kindOf = (loaded: LoadedProbe): Kind => {
    const [resting] = Int8Array.of(loaded.resting) as unknown as [number];
    let kind = kinds.get(resting);
    if (!kind) {
      kind = makeKind(resting);
      kinds.set(resting, kind);
    }
    return kind;
  };

  const make = (code: Int8Array | undefined, loaded: LoadedProbe): NativeProbe => {
    const { NativeProbe, FlaggedProbe } = kindOf(loaded);
    const probe = loaded.flag ? new FlaggedProbe() : new NativeProbe();
    watch(probe, code, loaded);
    return probe;
  };
  const putControl = (probe: NativeProbe, control: Control) => hide(probe, CONTROL, control);
  /** @param code undefined where the probe is connected to nothing: it keeps its kind, so that no call site sees another. */
  const watch = (probe: NativeProbe, code: Int8Array | undefined, loaded: LoadedProbe) => {
    const { offset, flag } = loaded;
    const kind = code === undefined ? probe[KIND] : kindOf(loaded);
    hide(probe, CODE, code ?? kind.never);
    hide(probe, OFFSET, offset);
    // One that it had is let go, but not the field: a `fire` that the program bound while it was there goes on to look.
    if (flag || Object.hasOwn(probe, FLAG)) hide(probe, FLAG, flag ? watchable(flag) : NEVER_SET);
    const { prototype } = flag ? kind.FlaggedProbe : kind.NativeProbe;
    if (Object.getPrototypeOf(probe) !== prototype) Reflect.setPrototypeOf(probe, prototype);
  };
  const watchedOf = (probe: NativeProbe): Watched[] => {
    const { [CODE]: code, [OFFSET]: offset, [KIND]: kind } = probe;
    const flag = probe instanceof kind.FlaggedProbe ? probe[FLAG] : undefined;
    const own = { memory: new Int8Array(code.buffer, code.byteOffset + offset, 1), resting: kind.resting };
    return flag ? [own, { memory: flag, resting: 0 }] : [own];
  };
  const stubIn = (probe: NativeProbe) => probe[CONTROL].stubIn(probe[CODE]);
  return [make, putControl, watch, watchedOf, stubIn];
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
 * Memory at whose first byte the probe's function begins, for an addon that calls it where no JavaScript can run; undefined while there is
 * none: the probe rests, or its backend has none. What is said of {@link watched} holds.
 */
export function stubOf(probe: Pick<Probe, 'enabled'>): Uint8Array | undefined {
  return stubIn(probe as Parameters<typeof stubIn>[0]);
}

/**
 * Makes the probes of a provider, each with the control over it. A probe keeps `owner` alive: a program may keep a probe and drop its
 * provider. What they are connected to from the start is given here and not by a later
 * `connect`, because V8 treats fields that never change as constants, for all probes or for none.
 */
export function createProbes(
  owner: object,
  definitions: readonly ProbeDefinition[],
  loaded?: Pick<LoadedProvider, 'code' | 'probes'>,
): (readonly [Probe<never[]>, ProbeControl])[] {
  const code = loaded && watchable(loaded.code);
  const probes = definitions.map((_, index) => makeProbe(code, loaded?.probes[index] ?? RESTS));
  return probes.map((probe, index) => {
    const control = new Control(owner, definitions[index]!, probe, loaded?.probes[index] ?? RESTS);
    putControl(probe, control);
    return [probe, control];
  });
}

/**
 * A backend's code as probes watch it. Node.js makes each Buffer of a Uint8Array, whose prototype it changes; so V8 cannot rely on what kind of
 * object a Uint8Array is, and looks each time. It can rely on an Int8Array.
 */
export function watchable(code: Uint8Array): Int8Array {
  return new Int8Array(code.buffer, code.byteOffset, code.byteLength);
}

const NONE: readonly Converter[] = [];

/** `few` of a probe that fires its values as a list. */
const AS_LIST = -1;

/**
 * What stands behind a probe: what it is connected to, and what turns the program's values into those that are fired. Most probes never
 * fire, so that is made for the first fire: what a program defines and nobody looks at should take no memory either.
 *
 * Whether the probe is enabled is asked here once more: a `fire` that the program bound may be that of a class which the probe had before it
 * was connected, for which another byte is the resting one.
 */
class Control implements ProbeControl {
  readonly definition: ProbeDefinition;
  /** Kept alive, and nothing else. */
  readonly owner: object;
  private readonly probe: Parameters<typeof watch>[0];
  private loaded: LoadedProbe;
  private errors = 0;
  /** Of what it is connected to; undefined until it fires there. */
  private send: LoadedProbe['fire'] | undefined;
  /** As many as the definition has arguments. Of no use before `send` is there. */
  private converters: readonly Converter[] = NONE;
  /** How many values are fired without a list of them. */
  private few = AS_LIST;

  constructor(owner: object, definition: ProbeDefinition, probe: Parameters<typeof watch>[0], loaded: LoadedProbe) {
    this.owner = owner;
    this.definition = definition;
    this.probe = probe;
    this.loaded = loaded;
  }

  /** Few values go to native code as they came: gathered in an array and spread again, they would cost more than that call. */
  fireFrom(
    from: Caller,
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
    try {
      if (!this.probe.enabled) return;
      const send = this.send ?? this.ready();
      const [first, second, third, fourth] = this.converters as readonly [Converter, Converter, Converter, Converter];
      switch (this.few) {
        case 0:
          send();
          break;
        case 1:
          send(first(a, this, from));
          break;
        case 2:
          send(first(a, this, from), second(b, this, from));
          break;
        case 3:
          send(first(a, this, from), second(b, this, from), third(c, this, from));
          break;
        case 4:
          send(first(a, this, from), second(b, this, from), third(c, this, from), fourth(d, this, from));
          break;
        default:
          this.emit(from, [a, b, c, d, e, f, g, h, i, j, k, l]);
      }
    } catch {
      this.errors++;
    }
  }

  private emit(from: Caller, values: readonly unknown[]): void {
    // The program's own code may run in here (toJSON, a proxy's traps), and the stack may be nearly used up.
    try {
      if (this.few !== AS_LIST) {
        this.fireFrom(from, values[0], values[1], values[2], values[3]);
        return;
      }
      const send = this.send ?? this.ready();
      const { converters, definition } = this;
      const native: NativeValue[] = [];
      let next = 0;
      for (let i = 0; i < converters.length; i++) {
        const takesValue = definition.arguments[i]!.type !== 'stack';
        native.push(converters[i]!(takesValue ? values[next++] : undefined, this, from));
      }
      send(...native);
    } catch {
      this.errors++;
    }
  }

  prepare(from: Caller, values: () => unknown): void {
    try {
      if (!this.probe.enabled) return;
      const prepared = values();
      if (Array.isArray(prepared)) this.emit(from, prepared);
      else this.errors++;
    } catch {
      this.errors++;
    }
  }

  private ready(): LoadedProbe['fire'] {
    const { arguments: args } = this.definition;
    this.converters = args.map(converter);
    this.few = args.length <= 4 && args.every(({ type }) => type !== 'stack') ? args.length : AS_LIST;
    // A backend makes the function when it is asked for.
    this.send = this.loaded.fire;
    return this.send;
  }

  misfit(): void {
    this.errors++;
  }

  connect(code: Int8Array, loaded: LoadedProbe): void {
    this.reconnect(code, loaded);
  }

  disconnect(): void {
    this.reconnect(undefined, RESTS);
  }

  private reconnect(code: Int8Array | undefined, loaded: LoadedProbe): void {
    this.send = undefined;
    this.loaded = loaded;
    watch(this.probe, code, loaded);
  }

  /** @param view what the probe watches as it is connected now */
  stubIn(view: Int8Array): Uint8Array | undefined {
    const { stub } = this.loaded;
    return stub === undefined ? undefined : new Uint8Array(view.buffer, view.byteOffset + stub, 1);
  }

  status(): ProbeStatus {
    const { tracer, event } = this.loaded;
    return {
      name: this.definition.name,
      tracer,
      ...(event !== undefined && { event }),
      enabled: this.probe.enabled,
      errors: this.errors,
    };
  }
}

/**
 * Not enumerable, so that nothing which copies, freezes or prints an application's objects comes across the view: a
 * write to it is a segmentation fault.
 */
function hide(probe: object, key: PropertyKey, value: unknown): void {
  if (Object.hasOwn(probe, key)) Reflect.set(probe, key, value);
  else Object.defineProperty(probe, key, { value, configurable: false, enumerable: false, writable: true });
}
