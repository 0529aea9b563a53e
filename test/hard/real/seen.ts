// What a program that runs the same work several times tells of each time.

import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';

export interface Seen {
  /** What it answered, wrote and threw. */
  results: unknown;
  /** Who listens to its main objects; a tracer may listen too, while it is there. */
  listeners: Record<string, number>[];
}

/** A package whose types are not there. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Untyped = any;

/** A package that the test has fetched, as `require` gives it. */
export function fetched(name: string): Untyped {
  const paths: Record<string, string> = JSON.parse(process.env.SONDE_TEST_PACKAGES!);
  return createRequire(import.meta.url)(paths[name]!);
}

/** How many listen to each event. */
export function listenersOf(emitter: EventEmitter): Record<string, number> {
  return Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]));
}

/**
 * A stack without what is Node.js's own, or of a package: names, files, lines and columns of the
 * program's functions.
 */
export function stackOf(error: unknown): string[] {
  const lines = String((error as Error).stack).split('\n');
  return lines.filter((line) => !line.includes('node:') && !line.includes('node_modules'));
}
