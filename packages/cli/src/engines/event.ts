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

/** The value of the argument of this name, or what every event has by that name. */
export function readValue({ probe, values, pid, tid }: ProbeEvent, name: string): Value {
  const index = probe.arguments.findIndex((argument) => argument.name === name);
  if (index !== -1) return values[index];
  return name === 'pid' ? pid : name === 'tid' ? tid : undefined;
}

/** The same for a condition: bytes are compared with nothing. */
export function comparable(event: ProbeEvent, name: string): Exclude<Value, Uint8Array> {
  const value = readValue(event, name);
  return value instanceof Uint8Array ? undefined : value;
}
