// Garbage collections. V8 lets no JavaScript run there, so the addon fires these probes from inside
// it, exactly when it happens; where it cannot (status() tells why), gc__done comes from Node.js's
// own PerformanceObserver, some milliseconds later and without the heap's size.
import type { PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import type { Provider } from 'sonde';
import { log, stubOf } from 'sonde/internal';
import { getAddon } from '../addon.js';
import type { gcProbes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { guarded } from './guard.js';

type Node = Provider<typeof gcProbes>;

const debug = log('node');

let watching: Node | undefined;

export function watchGc(node: Node): void {
  watching = node;
  let off = () => {};
  whileTraced(
    [node.gcStart, node.gcDone],
    () => {
      off = exact(node) ?? observe((kind, flags, ns) => node.gcDone.fire(kind, flags, ns, 0, 0));
    },
    () => off(),
  );
  let stop = () => {};
  whileTraced(
    [node.heapSpace],
    () => {
      const { getHeapSpaceStatistics } = process.getBuiltinModule('node:v8');
      stop = observe(() => {
        for (const space of getHeapSpaceStatistics()) {
          const { space_name: name, space_used_size: used, space_available_size: available } = space;
          node.heapSpace.fire(name, used, available, space.space_size);
        }
      });
    },
    () => stop(),
  );
}

/** By the addon; what ends it, or nothing where it cannot. */
function exact(node: Node): (() => void) | undefined {
  const reason = whyNotExact();
  if (reason === undefined) {
    const addon = getAddon();
    addon.gcOn(stubOf(node.gcStart)!, stubOf(node.gcDone)!);
    return () => addon.gcOff();
  }
  debug('gc: %s', reason);
  return undefined;
}

/** Why gc__start is inactive and gc__done comes late. */
export function whyNotExact(): string | undefined {
  try {
    getAddon();
  } catch (error) {
    return (error as Error).message;
  }
  return watching && stubOf(watching.gcStart) ? undefined : 'the backend has no stubs that the addon could call';
}

/** What @types/node does not have. */
type CollectionEntry = PerformanceEntry & { detail: { kind: number; flags: number } };

function observe(collected: (kind: number, flags: number, ns: number) => void): () => void {
  const { PerformanceObserver: Observer } = process.getBuiltinModule('node:perf_hooks');
  const safely = guarded(collected);
  const observer: PerformanceObserver = new Observer((list) => {
    for (const { duration, detail } of list.getEntries() as CollectionEntry[]) {
      const { kind, flags } = detail;
      safely(kind, flags, Math.round(duration * 1e6));
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}
