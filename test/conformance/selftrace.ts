import type { NativeArgument } from '@sonde/core/internal';

/** What the addon in test/selftrace exports: see there. */
interface Selftrace {
  symbol(object: string, name: string): bigint;
  attach(address: bigint, nop: number, kinds: string, places: Int32Array): number;
  take(handle: number): (bigint | Buffer | null)[][];
  detach(handle: number): void;
}

/**
 * Loaded when it is needed: where Node.js loads no addons, there is nothing to attach to either. In
 * a bundle, which lies elsewhere, and for another processor the test says where the addon is.
 */
function selftrace(): Selftrace {
  const path = process.env.SONDE_TEST_SELFTRACE;
  // Not imported: Node.js warns of that where a snapshot is built.
  const load = process.getBuiltinModule('node:module').createRequire(path ?? import.meta.url);
  return load(path ?? '../../selftrace/build/Release/selftrace.node');
}

/** A tracer that is attached to one probe. */
export interface Attachment {
  /**
   * What was fired since last time: integers as 64-bit words, memory as it was while the probe
   * fired.
   */
  take(): (bigint | Buffer | null)[][];
  detach(): void;
}

/** In the order in which the addon numbers them. */
const REGISTERS = {
  x64: ['rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9', 'r10', 'rbp', 'rbx'],
  arm64: Array.from({ length: 31 }, (_, index) => `x${index}`),
};

/**
 * Where an argument is when its probe fires: in a register, or in a word of the stack, counted from
 * the stack pointer.
 */
export type Place = string | number;

/**
 * Attaches to an instruction, from inside the process.
 *
 * @param nop how long the instruction is
 * @param places where each argument is
 */
export function attach(
  address: bigint,
  nop: number,
  native: readonly NativeArgument[],
  places: readonly Place[],
): Attachment {
  const registers = REGISTERS[process.arch as keyof typeof REGISTERS];
  const numbers = places.map((place) => (typeof place === 'string' ? registers.indexOf(place) : -1 - place));
  const addon = selftrace();
  const handle = addon.attach(address, nop, native.map(kind).join(''), Int32Array.from(numbers));
  return { take: () => addon.take(handle), detach: () => addon.detach(handle) };
}

/** Attaches to a stub in a loaded probe object, where a call by C's convention has just arrived. */
export function attachToStub(
  object: string,
  symbol: string,
  nop: number,
  native: readonly NativeArgument[],
): Attachment {
  const places = native.map((_, index): Place => {
    if (process.arch === 'arm64') return index < 8 ? `x${index}` : index - 8;
    // The return address is the first word.
    return index < 6 ? REGISTERS.x64[index]! : index - 6 + 1;
  });
  return attach(selftrace().symbol(object, symbol), nop, native, places);
}

function kind({ type }: NativeArgument): string {
  return type === 'string' ? 's' : type === 'pointer' ? 'p' : 'i';
}
