// What engines that record stacks have in common.
import type { Frame, FrameKind } from '../flame/stacks.js';

/** What is recorded. */
export interface Recorded {
  pids: readonly number[];
  /** Samples a second of the processor's time, where no events are given. */
  frequency: number;
  /** Events, as `perf record` takes them: `-e sonde:e0`. */
  events?: readonly string[] | undefined;
}

/** A stack, and where it was seen. */
export interface Sample {
  pid: number;
  /** `cpu-clock`, or `GROUP:NAME`. */
  event: string;
  /** The outermost first. */
  frames: Frame[];
  /** How often. */
  count: number;
}

export interface StackRecording {
  /** Resolves if it ends by itself: with the reason, or with nothing if no process is left. */
  readonly ended: Promise<Error | undefined>;
  /** For people, when it has ended. */
  readonly remark: string | undefined;
  /** Ends it. */
  stop(): Promise<void>;
  /** What it recorded; once. Returns how many were lost. */
  read(onSample: (sample: Sample) => void): Promise<number>;
}

export interface RecordingEngine {
  /** @throws {CommandError} if it is missing, or may not do it */
  start(recorded: Recorded): Promise<StackRecording>;
  /** @throws {CommandError} if it is not there, or may not be used */
  check(): void;
  /** What it runs for some seconds, as commands for a shell. @throws {CommandError} if it cannot */
  commands(recorded: Recorded, seconds: number): string;
}

/**
 * A frame as tools print it: the name of a function, if it has one, and what it was loaded from.
 * What lies in no executable mapping is no frame: where code has no frame pointers, the chain of
 * them ends in anything.
 */
export function frameOf(name: string | undefined, object: string): Frame | undefined {
  if (object === '[unknown]' || object.startsWith('//anon')) return undefined;
  if (/(?:^|\/)perf-\d+\.map$/.test(object)) {
    if (name === undefined) return { name: '[JavaScript without a name]', kind: 'javascript' };
    return { name, kind: name.startsWith('builtin:') ? 'builtin' : 'javascript' };
  }
  const isKernel = object.startsWith('[') && object !== '[vdso]';
  if (name === undefined) {
    const file = isKernel ? 'kernel' : (object.split('/').at(-1) ?? object);
    return { name: `[${file.replace(/^\[|\]$/g, '')}]`, kind: isKernel ? 'kernel' : 'native', object };
  }
  const kind: FrameKind = isKernel ? 'kernel' : name.startsWith('Builtins_') ? 'builtin' : 'native';
  return { name, kind, object };
}
