// In the place of a backend: every probe is enabled, and what is fired is kept. No privileges, no
// native code.
import { type Argument, DEFAULT_LIMIT } from './arguments.js';
import type { LoadedProvider } from './backend.js';
import type { ProbeDefinition, ProviderDefinition } from './definition.js';
import { SondeError } from './errors.js';
import { isRecording, setRecorder } from './registry.js';
import { asSeen } from './text.js';
import type { NativeValue } from './values.js';

/** One fire of a probe. */
export interface Fired {
  /** `smtp` */
  provider: string;
  /** As tracers on Linux know it: `session__start`. */
  probe: string;
  /**
   * By the arguments' names, what a tracer would see: integers as a number, or as a bigint where a
   * number would not be exact; booleans; texts cut at their limit; a copy of bytes.
   */
  values: Record<string, number | bigint | boolean | string | Uint8Array>;
}

export interface Recorder {
  /** What was fired since the recorder was started, or cleared, in order. */
  readonly fired: readonly Fired[];
  /** The fires of one probe: `recorder.of('smtp', 'session__start')`. */
  of(provider: string, probe: string): readonly Fired[];
  /** Forgets what was fired. */
  clear(): void;
  /** Ends the recording; the probes go back to the backend. `fired` stays readable. */
  stop(): void;
  [Symbol.dispose](): void;
}

/**
 * Starts recording all probes of this thread, those of providers still to be defined too: they are
 * enabled, and fired into the recorder instead of the backend, until `stop()`. For a program's own
 * tests.
 *
 * @throws {SondeError} SONDE_RECORDER when a recorder is on already
 */
export function record(): Recorder {
  if (isRecording()) {
    throw new SondeError('SONDE_RECORDER', 'a recorder is on already; stop() it before another is started');
  }
  const fired: Fired[] = [];
  let stopped = false;
  setRecorder({
    selection: () => ({ backend: 'noop', requested: 'auto', reason: 'a recorder is on' }),
    load: (definition) => ({ loaded: load(definition, fired), reason: 'a recorder is on' }),
  });
  const stop = () => {
    if (!stopped) setRecorder(undefined);
    stopped = true;
  };
  return {
    fired,
    of: (provider, probe) => fired.filter((entry) => entry.provider === provider && entry.probe === probe),
    clear: () => {
      fired.length = 0;
    },
    stop,
    [Symbol.dispose]: stop,
  };
}

function load({ name, probes }: ProviderDefinition, fired: Fired[]): LoadedProvider {
  return {
    code: Uint8Array.of(1),
    probes: probes.map((probe) => ({
      offset: 0,
      untraced: 0,
      tracer: '',
      fire: (...values) => fired.push({ provider: name, probe: probe.name, values: asSeenAll(probe, values) }),
    })),
    unload() {},
  };
}

function asSeenAll({ arguments: args }: ProbeDefinition, values: readonly NativeValue[]): Fired['values'] {
  return Object.fromEntries(args.map((argument, index) => [argument.name, seen(argument, values[index]!)]));
}

function seen({ type, limit }: Argument, value: NativeValue) {
  if (typeof value === 'string') return asSeen(value, limit ?? DEFAULT_LIMIT);
  if (typeof value === 'object') return copyOf(value);
  if (type === 'boolean') return value === 1;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** A Buffer's own `slice` is no copy, and its `length` may be the program's. */
function copyOf(bytes: Uint8Array): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch {
    // Its memory was handed on.
    return new Uint8Array();
  }
}
