import { createRequire } from 'node:module';
import type { NativeArgument } from '@sonde/core';

/** What the addon in test/selftrace exports: see there. */
interface Selftrace {
  attach(object: string, symbol: string, nop: number, kinds: string): number;
  take(handle: number): (bigint | Buffer | null)[][];
  detach(handle: number): void;
}

const addon: Selftrace = createRequire(import.meta.url)('../../selftrace/build/Release/selftrace.node');

/** A tracer that is attached to one probe. */
export interface Attachment {
  /** What was fired since last time: integers as 64-bit words, memory as it was while the probe fired. */
  take(): (bigint | Buffer | null)[][];
  detach(): void;
}

/** Attaches to a stub in a loaded probe object, from inside the process. */
export function attach(object: string, symbol: string, nop: number, native: readonly NativeArgument[]): Attachment {
  const handle = addon.attach(object, symbol, nop, native.map(kind).join(''));
  return { take: () => addon.take(handle), detach: () => addon.detach(handle) };
}

function kind({ type }: NativeArgument): string {
  return type === 'string' ? 's' : type === 'pointer' ? 'p' : 'i';
}
