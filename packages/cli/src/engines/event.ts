import type { Probe } from '../model.js';
import type { Question } from '../question/question.js';

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

/** An engine that gives events. */
export interface Tracing {
  /** For a message, if something is not as people would expect. */
  readonly remark?: string;
  /** Resolves if it ends by itself, with the reason. */
  readonly failed: Promise<Error>;
  /** Ends it; what was traced until now has been given when it returns. */
  stop(): Promise<Loss>;
}

/** Starts one. @param onEvents gets events in the order of time */
export type StartTracing = (question: Question, onEvents: (events: ProbeEvent[]) => void) => Promise<Tracing>;

export interface TracingEngine {
  start: StartTracing;
  /** @throws {CommandError} if it is not there, or may not be used */
  check(): void;
  /** What it runs, as commands for a shell. @throws {CommandError} if it cannot answer the question */
  commands(question: Question): string;
}

/** What fired, and was not given. */
export interface Loss {
  /** Events that the engine had no room for. */
  noRoom: number;
  /**
   * Events that the kernel does not record at all, because their texts together have more than some
   * 4,050 bytes: an event has to fit into a page.
   */
  tooLong: number;
  /** Events of which the engine could not read an argument. */
  unreadable?: number;
}

/** For people. */
export function lossTexts({ noRoom, tooLong, unreadable = 0 }: Loss): string[] {
  return [
    ...(noRoom > 0 ? [`${noRoom} events were lost: they came faster than they could be read`] : []),
    ...(tooLong > 0
      ? [`${tooLong} events were lost: the kernel records none whose texts have more than 4,050 bytes together`]
      : []),
    ...(unreadable > 0 ? [`${unreadable} events were lost: an argument of theirs could not be read`] : []),
  ];
}
