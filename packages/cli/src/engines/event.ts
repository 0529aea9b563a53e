import type { Probe } from '../model.js';

/** The value of an argument: whole numbers of 64 bits are bigints. Undefined if it could not be read. */
export type Value = bigint | number | boolean | string | Uint8Array | undefined;

/** A probe that fired. */
export interface ProbeEvent {
  probe: Probe;
  /** Nanoseconds of CLOCK_MONOTONIC. */
  time: bigint;
  /** In the namespace of this command. */
  pid: number;
  tid: number;
  /** As many as the probe has arguments. */
  values: Value[];
}
