import { type Provider, type ProviderSource, provider } from 'sonde';

interface Loader {
  load(definition: { name: string; probes: readonly unknown[] }): unknown;
}

/** What was fired, by the probe's key, with the values as the backend gets them. */
export interface FiredByHand {
  probe: string;
  values: unknown[];
}

/**
 * A provider whose probes a test enables by hand, as if tracers came and left: for providers of its
 * name, this stands in the place of the backend of all copies of the core.
 */
export function byHand<const Source extends ProviderSource>(name: string, source: Source) {
  const registry = (globalThis as unknown as Record<symbol, { loader: Loader }>)[Symbol.for('sonde.registry.1')]!;
  const { loader } = registry;
  const keys = Object.keys(source);
  const code = new Uint8Array(keys.length);
  const watches = new Set<() => void>();
  const fired: FiredByHand[] = [];
  const loaded = {
    code,
    probes: keys.map((probe, offset) => ({
      offset,
      untraced: 0,
      tracer: '',
      fire: (...values: unknown[]) => void fired.push({ probe, values }),
    })),
    watch(changed: () => void) {
      watches.add(changed);
      return () => watches.delete(changed);
    },
    unload: () => {},
  };
  registry.loader = {
    ...loader,
    load: (definition) => (definition.name === name ? { loaded } : loader.load(definition)),
  };
  const made: Provider<Source> = provider(name, source);
  return {
    provider: made,
    fired,
    trace(key: keyof Source & string, isTraced: boolean) {
      code[keys.indexOf(key)] = isTraced ? 1 : 0;
      for (const changed of [...watches]) changed();
    },
  };
}
