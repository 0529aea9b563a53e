// What all copies of the core in one thread have in common, under a global symbol: a library may
// bring its own copy, of another version. So everything here is plain objects with methods, and the
// symbol's number changes with their shape.
import type { BackendName, LoadedProvider } from './backend.js';
import type { ProviderDefinition } from './definition.js';
import type { ProbeStatus } from './probe.js';

const REGISTRY = Symbol.for('sonde.registry.1');

export interface ProviderStatus {
  name: string;
  /** Where tracers find the probes: the probe object's path. */
  location?: string;
  /**
   * The probe object to which the link `<provider>.so` leads, where that is not this one: a process
   * with another definition of the provider started later. Give tools `location`.
   */
  newest?: string;
  /** Why the provider is inactive, or is not where it would be otherwise. */
  reason?: string;
  probes: ProbeStatus[];
}

/** A provider of any copy of the core. */
export interface RegisteredProvider {
  readonly definition: ProviderDefinition;
  /**
   * Unloads what is behind the probes, and binds them to this. Where nothing was loaded, they are
   * inactive.
   */
  replace(result: LoadResult): void;
  /**
   * Calls `changed` as {@link LoadedProvider.watch} does, and whenever the provider was replaced.
   *
   * @returns what ends this
   */
  watch(changed: () => void): () => void;
  status(): ProviderStatus;
}

/** What became of an attempt to load a provider. */
export interface LoadResult {
  readonly loaded?: LoadedProvider;
  readonly reason?: string;
}

/** Registered by the package `sonde`: loads providers with the backend that was selected. */
export interface Loader {
  load(definition: ProviderDefinition): LoadResult;
  selection(): { backend: BackendName; requested: string; reason?: string };
}

interface Registry {
  /** Weakly held: a provider that nobody can fire any more must not stay loaded. */
  readonly providers: Set<WeakRef<RegisteredProvider>>;
  loader: Loader | undefined;
  /** Set while a recorder is on: it takes the place of the backend. */
  recorder: Loader | undefined;
  /** The ids of operations: the last one taken; undefined before the first. */
  operations: number | undefined;
}

const shared = globalThis as { [REGISTRY]?: Registry };
// Not enumerable: a program may copy its globals.
if (!shared[REGISTRY]) {
  const value = { providers: new Set(), loader: undefined, recorder: undefined, operations: undefined };
  Object.defineProperty(shared, REGISTRY, { value, configurable: true });
}
const registry: Registry = shared[REGISTRY]!;

const collected = new FinalizationRegistry<WeakRef<RegisteredProvider>>((reference) =>
  registry.providers.delete(reference),
);

/** Loads a provider, before it exists. */
export function load(definition: ProviderDefinition): LoadResult {
  return getLoader()?.load(definition) ?? { reason: NO_BACKEND };
}

const NO_BACKEND = "no backend is there: import 'sonde' in the application, the probes come alive then";

/** Makes a provider known; returns what forgets it. */
export function enroll(provider: RegisteredProvider): () => void {
  const reference = new WeakRef(provider);
  registry.providers.add(reference);
  collected.register(provider, reference, reference);
  return () => {
    registry.providers.delete(reference);
    collected.unregister(reference);
  };
}

/**
 * The first loader stays, whichever copies of `sonde` come later; providers that waited for it are
 * loaded.
 */
export function setLoader(loader: Loader): void {
  if (registry.loader) return;
  registry.loader = loader;
  if (!registry.recorder) reload();
}

/** The loader goes: providers that are there are unloaded, and wait for another one. */
export function removeLoader(): void {
  registry.loader = undefined;
  if (!registry.recorder) reload();
}

/** What loads providers now. */
export function getLoader(): Loader | undefined {
  return registry.recorder ?? registry.loader;
}

/**
 * Puts a recorder in the place of the backend, for all providers that are there and those to come.
 */
export function setRecorder(recorder: Loader | undefined): void {
  registry.recorder = recorder;
  reload();
}

/**
 * Whether a recorder of `sonde/testing` is on in this thread: all probes are enabled for it, and no
 * tracer is seen.
 */
export function isRecording(): boolean {
  return registry.recorder !== undefined;
}

export function providers(): RegisteredProvider[] {
  return [...registry.providers].flatMap((reference) => reference.deref() ?? []);
}

/**
 * An id for one run of an operation: a count from the thread's number times 2^32 on, so it is
 * unique among the threads of a process, and a safe integer.
 */
export function nextOperationId(): number {
  // Loaded when it is needed, that is while traced: worker_threads takes a while.
  registry.operations ??= process.getBuiltinModule('node:worker_threads').threadId * 2 ** 32;
  return ++registry.operations;
}

/**
 * Loads all providers anew, by what loads them now.
 *
 * @throws what the first of them threw that could not be loaded, when all others are
 */
export function reload(): void {
  const errors: unknown[] = [];
  for (const provider of providers()) {
    try {
      provider.replace(load(provider.definition));
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
