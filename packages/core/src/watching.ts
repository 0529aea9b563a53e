import { ownersOf, type Probe } from './probe.js';
import type { RegisteredProvider } from './registry.js';

/**
 * Calls `changed` soon after one of the probes has become enabled or ceased to be, and now and then
 * besides: while tracers come and leave within 100 ms where the thread's event loop turns often, or
 * where the tool has opened the probe object; else within a second. It does not keep the program
 * running.
 *
 * @returns what ends this
 */
export function watchProbes(probes: readonly Pick<Probe, 'enabled'>[], changed: () => void): () => void {
  const ends = [...(ownersOf(probes) as Set<RegisteredProvider>)].map((owner) => owner.watch(changed));
  return () => {
    for (const end of ends) end();
  };
}
