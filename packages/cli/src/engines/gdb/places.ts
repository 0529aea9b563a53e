// Where gdb's breakpoints are, and what is there in the process's memory.
import { tracedIn } from '../../discovery/enabled.js';
import type { Mapping, Probe, TracedObject } from '../../model.js';

export interface ProbePlace {
  probe: Probe;
  object: TracedObject;
  mapping: Mapping;
}

/**
 * Those where something else than the file's code is in the process's memory, or those where
 * nothing else is. What may not be read is neither.
 */
export function placesThatAre(traced: boolean, pid: number, places: readonly ProbePlace[]): ProbePlace[] {
  const mappings = new Map(places.map(({ object, mapping }) => [object.id, mapping]));
  const objects = new Set(places.map(({ object }) => object));
  const found = new Map([...objects].map((object) => [object, tracedIn({ pid, mappings }, object)]));
  return places.filter(({ object, probe }) => found.get(object)?.has(probe) === traced);
}

const LOOK_MS = 250;
/** So often in a row: gdb itself takes one out while a thread goes on from it. */
const TIMES_GONE = 4;

/**
 * Looks whether breakpoints are there still. A tracer of the kernel that comes to the same probe
 * takes its events, and when it leaves it puts the file's code back.
 */
export class BreakpointWatch {
  private readonly gone = new Map<Probe, number>();
  private readonly timer: NodeJS.Timeout;

  constructor(pid: number, places: readonly ProbePlace[], onLost: (probe: Probe) => void) {
    this.timer = setInterval(() => {
      const gone = placesThatAre(false, pid, places).map(({ probe }) => probe);
      for (const probe of this.gone.keys()) if (!gone.includes(probe)) this.gone.delete(probe);
      for (const probe of gone) {
        const times = (this.gone.get(probe) ?? 0) + 1;
        this.gone.set(probe, times);
        if (times < TIMES_GONE) continue;
        this.stop();
        onLost(probe);
        return;
      }
    }, LOOK_MS);
  }

  /** It was reached, so it is there. */
  hit(probe: Probe): void {
    this.gone.delete(probe);
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
