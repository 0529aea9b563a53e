import type { ProviderDefinition } from './definition.js';
import type { NativeValue } from './values.js';

/** The backends there are. A table of them need not have all: what it lacks was not built. */
export const BACKEND_NAMES = ['dtrace', 'systemtap', 'ebpf', 'noop'] as const;
export type BackendName = (typeof BACKEND_NAMES)[number];

/**
 * What a backend does: it makes a provider's probes visible to tracers. The core does everything
 * else.
 */
export interface Backend {
  /**
   * Makes the provider visible. Called once for each `provider()` and thread; the same definition
   * again is the same probes to a tracer. Throws with the reason when it cannot; the provider's
   * probes are inactive then.
   */
  load(provider: ProviderDefinition): LoadedProvider;
}

export interface LoadedProvider {
  /**
   * Memory that a tracer changes when it attaches. It may be mapped without the right to write, so
   * nothing outside the core gets it, and it stays mapped for as long as this array lives.
   */
  readonly code: Uint8Array;
  /** As many as the definition has, in its order. */
  readonly probes: readonly LoadedProbe[];
  /**
   * Where a tracer finds them at this moment: the probe object's path. Asked for before `reason`,
   * `newest` and the probes' `tracer`.
   */
  readonly location?: string | undefined;
  /** Why the provider is not loaded the usual way, when it is not. */
  readonly reason?: string | undefined;
  /** The probe object to which `<provider>.so` leads, when it is another one. */
  readonly newest?: string | undefined;
  /**
   * Calls `changed` soon after a tracer has come to a probe, or has left it: within 100 ms while the
   * thread's event loop turns often, or after a tool has opened the probe object; else within a
   * second. Not there: tracers do not come or leave without telling.
   *
   * @returns what ends this
   */
  watch?(changed: () => void): () => void;
  /** Withdraws the provider. `code` stays readable. */
  unload(): void;
}

export interface LoadedProbe {
  /** The probe is enabled while `code[offset] !== untraced`. */
  readonly offset: number;
  readonly untraced: number;
  /**
   * One byte of which the same is said in another way: the probe is also enabled while it is not 0.
   */
  readonly flag?: Uint8Array | undefined;
  /**
   * Where in `code` the function begins that native code may call as it would a C function that
   * takes the probe's native arguments. Not there: there is none.
   */
  readonly stub?: number | undefined;
  /** What to give a tool to attach to it. */
  readonly tracer: string;
  /** The tracepoint that the probe is as well, for tools that use those. */
  readonly event?: string | undefined;
  /**
   * Fires with values that fit the definition: one for each of its arguments, stacks included. Read
   * when the probe fires for the first time, not before.
   */
  readonly fire: (...values: NativeValue[]) => void;
}
