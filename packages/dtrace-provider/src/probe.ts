import { convert, type Kind } from './values.js';

/** sonde's probe behind one here. */
export interface Native {
  readonly enabled: boolean;
  fireWith(values: () => unknown[]): void;
}

/** Behind a probe that is not there for tracers. */
export const INACTIVE: Native = { enabled: false, fireWith() {} };

/** A probe's `fire` when it is called on something else, as V8 says it for native methods. */
export const illegalInvocation = () => new TypeError('Illegal invocation');

// Symbols and not private fields, which cost as much again as all that a probe does which nobody
// traces (docs/performance.md).
const NATIVE = Symbol('native');
const OWNER = Symbol('owner');

/** What a provider keeps of a probe. */
interface Owner {
  kinds: readonly Kind[];
  /** Connects the probe that was added after its provider was enabled. */
  settle(): void;
}

/** A probe that was added to a provider. */
export class DynamicProbe {
  declare [NATIVE]: Native | undefined;
  declare [OWNER]: Owner;

  /**
   * Fires the probe, if somebody traces it, with the values in the array that `callback` returns,
   * one for each argument; what is missing is `undefined`, what is beyond them is passed over. Not
   * traced, it costs less than two nanoseconds and `callback` is not called. What a callback throws
   * is swallowed and, as when it returns no array, counted in sonde's `status()`.
   *
   * @param callback called with `this` as the probe
   * @param args what `callback` is called with
   * @returns true when it was fired
   * @throws {TypeError} "Must give probe value callback as first argument", traced or not
   */
  fire<Args extends readonly unknown[]>(
    callback: (this: this, ...args: Args) => unknown,
    ...args: Args
  ): true | undefined {
    const native = this?.[NATIVE] ?? settled(this);
    if (typeof callback !== 'function') throw new TypeError('Must give probe value callback as first argument');
    return native.enabled ? emit(this, native, callback as Callback, args) : undefined;
  }
}

type Callback = (this: DynamicProbe, ...args: readonly unknown[]) => unknown;

/** Makes a probe one of a provider. */
export function own(probe: DynamicProbe, owner: Owner): void {
  Object.defineProperty(probe, NATIVE, { value: INACTIVE, writable: true });
  Object.defineProperty(probe, OWNER, { value: owner });
}

/**
 * What `probe` is from now on; undefined when that is to be decided before it fires. One that the
 * program froze stays what it was.
 */
export function setNative(probe: DynamicProbe, native: Native | undefined): void {
  Reflect.set(probe, NATIVE, native);
}

/** sonde's probe behind a probe that has not been told yet, or that is none at all. */
function settled(probe: DynamicProbe | undefined): Native {
  const owner = probe?.[OWNER];
  if (!owner) throw illegalInvocation();
  owner.settle();
  return probe![NATIVE] ?? INACTIVE;
}

function emit(probe: DynamicProbe, native: Native, callback: Callback, args: readonly unknown[]): true | undefined {
  let fired: true | undefined;
  native.fireWith(() => {
    const returned = callback.apply(probe, args as unknown[]);
    // Counted by the core.
    if (!Array.isArray(returned)) return undefined as unknown as unknown[];
    const values = probe[OWNER].kinds.map((kind, index) => convert(kind, returned[index]));
    fired = true;
    return values;
  });
  return fired;
}
