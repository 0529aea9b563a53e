import { type Status, status as statusOfAll } from 'sonde';
import { whyForeign } from './foreign.js';
import { type FunctionsStatus, functionsStatus } from './functions/start.js';
import { bridgesReason } from './rest.js';
import { whyNoSamples } from './runtime/allocation.js';
import { whyNoExceptions } from './runtime/exceptions.js';
import { whyNotExact } from './runtime/gc.js';
import { stacks } from './stacks/stacks.js';

/** What sonde's own status tells, and what is of this package. */
export interface NodeStatus extends Status {
  /** Why probes are not what they could be here. */
  reasons: {
    /** There are no probes of the runtime. */
    runtime?: string;
    /**
     * gc__start is inactive, and gc__done comes some milliseconds late, without the heap's size.
     */
    gc?: string;
    /** exception__thrown is inactive. */
    exceptions?: string;
    /** alloc__sample is inactive although it is traced. */
    allocation?: string;
    /** JavaScript frames have no names in native stacks although somebody wants it. */
    stacks?: string;
    /** What is wrong with SONDE_BRIDGES. */
    bridges?: string;
  };
  /** What became of the functions of this thread; undefined where nothing was started. */
  functions?: FunctionsStatus;
}

/**
 * Tells which backend runs and why, what a tracer needs to know of each provider and probe, and
 * which probes of this package are inactive or are less exact.
 */
export function status(): NodeStatus {
  if (whyForeign !== undefined) return { ...statusOfAll(), reasons: { runtime: whyForeign } };
  const gc = whyNotExact();
  const exceptions = whyNoExceptions();
  const allocation = whyNoSamples();
  const functions = functionsStatus();
  const unnamed = stacks.status().reason;
  return {
    ...statusOfAll(),
    ...(functions && { functions }),
    reasons: {
      ...(gc !== undefined && { gc }),
      ...(exceptions !== undefined && { exceptions }),
      ...(allocation !== undefined && { allocation }),
      ...(unnamed !== undefined && { stacks: unnamed }),
      ...(bridgesReason !== undefined && { bridges: bridgesReason }),
    },
  };
}
