// Node.js's own diagnostics channels. Whoever publishes on one makes its message only while there
// is a subscriber.
import { guarded } from './guard.js';

// biome-ignore lint/suspicious/noExplicitAny: what is published is not in Node.js's types.
export type Listeners = Record<string, (message: any) => void>;

/** What is switched on while probes are traced, and off again. */
export interface Switch {
  on(): void;
  off(): void;
}

/** Subscriptions that come and go together, by the channels' names. */
export function subscriptions(listeners: Listeners): Switch {
  return together(...Object.entries(listeners).map(([name, listener]) => subscription(name, guarded(listener))));
}

function subscription(name: string, listener: (message: unknown, name: string | symbol) => void): Switch {
  const channels = () => process.getBuiltinModule('node:diagnostics_channel');
  return {
    on: () => channels().subscribe(name, listener),
    off: () => void channels().unsubscribe(name, listener),
  };
}

/**
 * Several as one. One that fails, since the program froze or replaced what it needs, keeps none of
 * the others from being switched: what it throws, whoever switches gets when all are.
 */
export function together(...switches: readonly Switch[]): Switch {
  const reversed = switches.toReversed();
  return {
    on: () => forEach(switches, (each) => each.on()),
    off: () => forEach(reversed, (each) => each.off()),
  };
}

function forEach(switches: readonly Switch[], turn: (each: Switch) => void): void {
  const failures: unknown[] = [];
  for (const each of switches) {
    try {
      turn(each);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
