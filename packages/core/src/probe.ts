// The shape of `fire` was chosen by measuring (docs/performance.md): one class, so that a call site
// that serves many probes still sees one method; one view for all probes of a provider and an
// offset, because a view for each would be two more cache lines; the untraced byte in the class and
// not in each probe, which saves a load; all probes of a provider made before what stands behind
// them, so that they lie side by side; a fixed list of parameters, because a rest parameter
// allocates until V8 has optimised the caller.
//
// The fields are private, though V8 takes half a nanosecond longer for them than for symbols:
// nothing that copies, freezes or prints a program's objects may come across the view, since a
// write to it is a segmentation fault. A frozen probe can still be bound to something else.
import type { LoadedProbe, LoadedProvider } from './backend.js';
import type { ProbeDefinition } from './definition.js';
import { type Caller, type Converter, converter, type NativeValue } from './values.js';

/** What a probe is bound to while it is bound to nothing. */
const UNBOUND: LoadedProbe = { offset: 0, untraced: 0, tracer: '', fire() {} };

export interface ProbeStatus {
  /** As tracers on Linux know it: `session__start`. */
  name: string;
  /**
   * What to give a tool to attach to it: `usdt:PATH:smtp:session__start`. Empty while the probe is
   * inactive.
   */
  tracer: string;
  /**
   * The tracepoint that the probe is as well: `tracepoint:user_events:smtp_session__start`, for
   * ftrace and perf. Only with the ebpf backend, where the kernel has user events.
   */
  event?: string;
  enabled: boolean;
  /**
   * How many values did not fit their arguments and were fired as 0 or as a text that says so, or
   * not at all.
   */
  errors: number;
}

/**
 * A probe of a provider: a place in the program that tracers can attach to. Made by `provider()`.
 *
 * Nothing here throws, waits or changes the program, whatever is passed and whoever traces. A value
 * that does not fit its argument is fired as 0 or as a text that says so, and counted in
 * `status()`.
 */
export interface Probe<Values extends readonly unknown[] = readonly never[]> {
  /** Whether a tracer is attached: one load and one compare, no call into native code. */
  readonly enabled: boolean;

  /**
   * Fires the probe with one value for each argument that takes one. Not traced, it costs what
   * `enabled` costs; but what stands between the parentheses is evaluated all the same: see
   * {@link Probe.fireWith}. A method of the probe, which does nothing when it is called as a
   * function: to hand it on, write `(...values) => probe.fire(...values)`.
   */
  fire(this: Probe<Values>, ...values: Values): void;

  /**
   * Fires the probe with the values that `values` returns, which is called only while traced. If it
   * throws or returns no array, nothing is fired and the error is counted.
   */
  fireWith(this: Probe<Values>, values: () => Values): void;
}

/** What the rest of the core needs of a probe and programs must not reach. */
export interface ProbeControl {
  readonly definition: ProbeDefinition;
  /**
   * Fires with up to twelve values, as if `from` had been called by the program: stacks start below
   * it. Not named `fire`, nor is any other function of this package but the methods that programs
   * call: a native capture finds `from` in the stack by its name.
   */
  fireFrom(from: Caller, ...values: unknown[]): void;
  /** Counts a failure of code that was to prepare values. */
  countError(): void;
  /** @param code {@link watchable} */
  bind(code: Int8Array, loaded: LoadedProbe): void;
  unbind(): void;
  status(): ProbeStatus;
}

const NEVER_SET = Int8Array.of(0);

/**
 * The classes of probes that are disabled while their byte is `untraced`. All probes with the same
 * backend have the same classes.
 */
interface ProbeClasses {
  untraced: number;
  /** Watched by a probe that is bound to nothing. It never changes. */
  never: Int8Array;
  NativeProbe: new (code: Int8Array | undefined, loaded: LoadedProbe) => NativeProbe;
  /**
   * Of probes that have a flag. A class of its own, so that others do not pay for looking at it.
   */
  FlaggedProbe: ProbeClasses['NativeProbe'];
}

type NativeProbe = BoundProbe & Probe<never[]>;

let setControl: (probe: NativeProbe, control: Control) => void;
/**
 * @param code undefined where the probe is bound to nothing: it keeps its classes, so that no call
 * site sees another.
 */
let bindProbe: (probe: NativeProbe, code: Int8Array | undefined, loaded: LoadedProbe) => void;
/** The same as `enabled`, whichever class the probe has. */
let isEnabled: (probe: BoundProbe) => boolean;
let watchedBy: (probe: BoundProbe) => Watched[];
let ownerOf: (probe: BoundProbe) => object;
let stubBehind: (probe: BoundProbe) => Uint8Array | undefined;
/** The rest of `fire`, which is not inlined. */
let fireTraced: (probe: NativeProbe, ...values: unknown[]) => void;
let makeClasses: (untraced: number) => ProbeClasses;

/** What every probe has. Its subclasses stand in it, where they can reach that. */
class BoundProbe {
  #code: Int8Array;
  #offset: number;
  /**
   * One byte that is not 0 while the probe is enabled, whatever its code says. Only a
   * `FlaggedProbe` looks at it.
   */
  #flag: Int8Array;
  #classes: ProbeClasses;
  /** Set as soon as all probes of a provider are made. */
  #control!: Control;

  constructor(code: Int8Array | undefined, loaded: LoadedProbe) {
    const classes = classesOf(loaded);
    this.#code = code ?? classes.never;
    this.#offset = loaded.offset;
    this.#flag = flagOf(loaded);
    this.#classes = classes;
  }

  // What only this module may do with a probe: a static method could be called by every program, as
  // `probe.constructor.…`.
  static {
    setControl = (probe, control) => {
      probe.#control = control;
    };

    bindProbe = (probe, code, loaded) => {
      const classes = code === undefined ? probe.#classes : classesOf(loaded);
      probe.#classes = classes;
      probe.#code = code ?? classes.never;
      probe.#offset = loaded.offset;
      probe.#flag = flagOf(loaded);
      const { prototype } = loaded.flag ? classes.FlaggedProbe : classes.NativeProbe;
      // A frozen probe keeps its class. If that has another untraced byte, the probe asks
      // `isEnabled` each time.
      if (Object.getPrototypeOf(probe) !== prototype) Reflect.setPrototypeOf(probe, prototype);
    };

    isEnabled = (probe) => probe.#code[probe.#offset] !== probe.#classes.untraced || probe.#flag[0] !== 0;

    watchedBy = (probe) => {
      const { buffer, byteOffset } = probe.#code;
      const own = { memory: new Int8Array(buffer, byteOffset + probe.#offset, 1), untraced: probe.#classes.untraced };
      return probe.#flag === NEVER_SET ? [own] : [own, { memory: probe.#flag, untraced: 0 }];
    };

    ownerOf = (probe) => probe.#control.owner;

    stubBehind = (probe) => probe.#control.stubIn(probe.#code);

    fireTraced = (probe, a, b, c, d, e, f, g, h, i, j, k, l) =>
      probe.#control.fireFrom(probe.fire, a, b, c, d, e, f, g, h, i, j, k, l);

    makeClasses = (untraced) => {
      class NativeProbe extends BoundProbe implements Probe<never[]> {
        get enabled(): boolean {
          try {
            return this.#code[this.#offset] !== untraced && isEnabled(this);
          } catch {
            return false;
          }
        }

        // `try` costs nothing until something is thrown. Near the end of the stack there may be
        // room for `fire` and not for what it calls; that must not throw where an untraced probe
        // would not. Nor does it throw where it was not called on a probe, or on a Proxy of one,
        // which does not lead to what a probe watches. All of it is 86 bytes of V8's bytecode,
        // and V8 inlines 920 bytes into one function: so ten call sites have it inlined.
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
          try {
            if (this.#code[this.#offset] !== untraced) {
              fireTraced(this, a, b, c, d, e, f, g, h, i, j, k, l);
            }
          } catch {}
        }

        fireWith(values: () => unknown): void {
          try {
            if (this.#code[this.#offset] !== untraced) this.#control.fireWithFrom(this.fireWith, values);
          } catch {}
        }
      }

      class FlaggedProbe extends NativeProbe {
        override get enabled(): boolean {
          try {
            return isEnabled(this);
          } catch {
            return false;
          }
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
          try {
            if (this.#code[this.#offset] !== untraced || this.#flag[0] !== 0) {
              fireTraced(this, a, b, c, d, e, f, g, h, i, j, k, l);
            }
          } catch {}
        }

        override fireWith(values: () => unknown): void {
          try {
            if (this.#code[this.#offset] !== untraced || this.#flag[0] !== 0) {
              this.#control.fireWithFrom(this.fireWith, values);
            }
          } catch {}
        }
      }

      return { untraced, never: Int8Array.of(untraced), NativeProbe, FlaggedProbe };
    };
  }
}

const classesByByte = new Map<number, ProbeClasses>();

function classesOf(loaded: LoadedProbe): ProbeClasses {
  const [untraced] = Int8Array.of(loaded.untraced) as unknown as [number];
  let classes = classesByByte.get(untraced);
  if (!classes) {
    classes = makeClasses(untraced);
    classesByByte.set(untraced, classes);
  }
  return classes;
}

const flagOf = ({ flag }: LoadedProbe): Int8Array => (flag ? watchable(flag) : NEVER_SET);

function makeProbe(code: Int8Array | undefined, loaded: LoadedProbe): NativeProbe {
  const { NativeProbe, FlaggedProbe } = classesOf(loaded);
  return loaded.flag ? new FlaggedProbe(code, loaded) : new NativeProbe(code, loaded);
}

/** Memory that a probe watches. */
export interface Watched {
  readonly memory: { readonly [index: number]: number };
  /** The probe is enabled while `memory[0] !== untraced`, of this or of another of its memories. */
  readonly untraced: number;
}

/**
 * What a probe watches as it is bound now, for code that looks itself since even the call of
 * `enabled` would be too much: functions that `@sonde/node` has put probes into. For nobody else:
 * **whoever writes to this memory ends the process**, it is mapped to be executed. Who gets it must
 * not hand it on, and nothing enumerable may lead to it.
 */
export function watched(probe: Pick<Probe, 'enabled'>): readonly Watched[] {
  return watchedBy(probe as unknown as BoundProbe);
}

/**
 * Memory at whose first byte the probe's function begins, for an addon that calls it where no
 * JavaScript can run; undefined while there is none: the probe is inactive, or its backend has
 * none. What is said of {@link watched} holds.
 */
export function stubOf(probe: Pick<Probe, 'enabled'>): Uint8Array | undefined {
  return stubBehind(probe as unknown as BoundProbe);
}

/** The providers that probes are of, as `createProbes` was given them. */
export function ownersOf(probes: readonly Pick<Probe, 'enabled'>[]): Set<object> {
  return new Set(probes.map((probe) => ownerOf(probe as unknown as BoundProbe)));
}

/**
 * Makes the probes of a provider, each with the control over it. A probe keeps `owner` alive: a
 * program may keep a probe and drop its provider. What they are bound to from the start is given
 * here and not by a later `bind`, because V8 treats fields that never change as constants, for all
 * probes or for none.
 */
export function createProbes(
  owner: object,
  definitions: readonly ProbeDefinition[],
  loaded?: Pick<LoadedProvider, 'code' | 'probes'>,
): (readonly [Probe<never[]>, ProbeControl])[] {
  const code = loaded && watchable(loaded.code);
  const probes = definitions.map((_, index) => makeProbe(code, loaded?.probes[index] ?? UNBOUND));
  return probes.map((probe, index) => {
    const control = new Control(owner, definitions[index]!, probe, loaded?.probes[index] ?? UNBOUND);
    setControl(probe, control);
    return [probe, control];
  });
}

/**
 * A backend's code as probes watch it. Node.js makes each Buffer of a Uint8Array, whose prototype
 * it changes; so V8 cannot rely on what kind of object a Uint8Array is, and looks each time. It
 * can rely on an Int8Array.
 */
export function watchable(code: Uint8Array): Int8Array {
  return new Int8Array(code.buffer, code.byteOffset, code.byteLength);
}

const NONE: readonly Converter[] = [];

/** `valueCount` of a probe that fires its values as a list. */
const AS_LIST = -1;

/**
 * What stands behind a probe: what it is bound to, and what turns the program's values into those
 * that are fired. Most probes never fire, so that is made for the first fire: what a program
 * defines and nobody looks at should take no memory either.
 *
 * Whether the probe is enabled is asked here once more: a `fire` that the program bound may be that
 * of a class which the probe had before it was bound, for which another byte is the untraced one.
 */
class Control implements ProbeControl {
  readonly definition: ProbeDefinition;
  /** Kept alive, and nothing else. */
  readonly owner: object;
  private readonly probe: NativeProbe;
  private loaded: LoadedProbe;
  private errors = 0;
  /** Of what it is bound to; undefined until it fires there. */
  private send: LoadedProbe['fire'] | undefined;
  /** As many as the definition has arguments. Of no use before `send` is there. */
  private converters: readonly Converter[] = NONE;
  /** How many values are fired without a list of them. */
  private valueCount = AS_LIST;

  constructor(owner: object, definition: ProbeDefinition, probe: NativeProbe, loaded: LoadedProbe) {
    this.owner = owner;
    this.definition = definition;
    this.probe = probe;
    this.loaded = loaded;
  }

  /**
   * Few values go to native code as they came: gathered in an array and spread again, they would
   * cost more than that call.
   */
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
      if (!isEnabled(this.probe)) return;
      const send = this.send ?? this.ready();
      const [first, second, third, fourth] = this.converters as readonly [Converter, Converter, Converter, Converter];
      switch (this.valueCount) {
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
    // The program's own code may run in here (toJSON, a proxy's traps), and the stack may be nearly
    // used up.
    try {
      if (this.valueCount !== AS_LIST) {
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

  fireWithFrom(from: Caller, values: () => unknown): void {
    try {
      if (!isEnabled(this.probe)) return;
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
    this.valueCount = args.length <= 4 && args.every(({ type }) => type !== 'stack') ? args.length : AS_LIST;
    // A backend makes the function when it is asked for.
    this.send = this.loaded.fire;
    return this.send;
  }

  countError(): void {
    this.errors++;
  }

  bind(code: Int8Array, loaded: LoadedProbe): void {
    this.rebind(code, loaded);
  }

  unbind(): void {
    this.rebind(undefined, UNBOUND);
  }

  private rebind(code: Int8Array | undefined, loaded: LoadedProbe): void {
    this.send = undefined;
    this.loaded = loaded;
    bindProbe(this.probe, code, loaded);
  }

  /** @param view what the probe watches as it is bound now */
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
      enabled: isEnabled(this.probe),
      errors: this.errors,
    };
  }
}
