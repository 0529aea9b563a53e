import type { SdtOperand } from '@sonde/elf';

/**
 * How an argument's bits are to be read. `text` is the address of a text that ends with a zero
 * byte, `bytes` the address of as many bytes as the next argument says, `pointer` any other address.
 */
export type Kind = 'signed' | 'unsigned' | 'boolean' | 'float' | 'text' | 'bytes' | 'pointer';

/** What a number counts, if that is known: it is printed in units that people read. */
export type Unit = 'nanoseconds' | 'bytes';

/** An argument of a probe. */
export interface Argument {
  name: string;
  /** For people: sonde's own type (`json`), else C's (`const char *`). */
  type: string;
  kind: Kind;
  /** In bytes: 1, 2, 4 or 8. */
  size: number;
  unit?: Unit;
  /** Where it is when the probe fires. */
  operand: SdtOperand;
}

/** A probe in a file. */
export interface Probe {
  provider: string;
  /** As tracers know it: `session__start`. */
  name: string;
  /** As tracers know its function, if it has one of its own. */
  symbol: string | undefined;
  /** Where its first instruction is in the file. */
  offset: number;
  /** Where in the file the counter is by which tools switch it on; sonde's own have none. */
  semaphore: number | undefined;
  arguments: Argument[];
  /** What the program calls it, if that is known: `sessionStart`, `delivery.start`. */
  key?: string;
  /** If it is a part of an operation. */
  part?: 'start' | 'done' | 'error';
}

/** A file that holds probes, which processes have mapped. */
export interface TracedObject {
  /** Device and inode: what a uprobe is set on. */
  id: string;
  /** For people. */
  name: string;
  /** For tools: the file itself, or the mapping of a process where no path leads to it. */
  path: string;
  /** Where this process reads it, which needs fewer rights. */
  content: string;
  architecture: 'x64' | 'arm64' | undefined;
  /** Whether tools find the probes by SDT notes. */
  hasNotes: boolean;
  probes: Probe[];
  processes: TracedProcess[];
}

/** A process that has mapped one or more of them. */
export interface TracedProcess {
  pid: number;
  /** The command and its arguments. */
  command: string[];
  uid: number;
  /** Whether it is in another pid namespace, mount namespace or container than this one. */
  container: string | undefined;
  /** Where the code of each object is in its memory, by the object's id. */
  mappings: Map<string, Mapping>;
}

/** A part of a file in a process's memory. */
export interface Mapping {
  start: bigint;
  end: bigint;
  fileOffset: number;
}

/** What every event has, whatever the probe; an argument of the same name comes first. */
export const BUILT_IN: readonly Argument[] = ['pid', 'tid'].map((name) => ({
  name,
  type: 'int32',
  kind: 'signed',
  size: 4,
  operand: { size: -4, float: false, operand: '' },
}));

/** `smtp:session__start` */
export function fullName({ provider, name }: Pick<Probe, 'provider' | 'name'>): string {
  return `${provider}:${name}`;
}
