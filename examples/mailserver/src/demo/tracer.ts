import { bpftrace } from './bpftrace.js';
import { gdb } from './gdb.js';
import { recorder } from './recorder.js';
import type { Served } from './served.js';

/** The best first. */
export const TRACERS = { bpftrace, gdb, recorder } satisfies Record<string, Attach>;

export type TracerName = keyof typeof TRACERS;

/**
 * Attaches to the mail server. Throws with the reason when that is not possible here; nothing is
 * left of it then.
 *
 * @param onSession is called with a line for each SMTP session that ended
 */
export type Attach = (server: Served, onSession: (line: string) => void) => Promise<Tracing>;

export interface Tracing {
  /** What a person would type to see the same. */
  readonly shown: string;
  /** What to bear in mind when reading the histograms. */
  readonly caution: string;
  /** Detaches; returns the histograms of delivery latency, as lines. */
  detach(): Promise<string[]>;
}
