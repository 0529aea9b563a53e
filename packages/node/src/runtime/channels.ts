// Node.js's own diagnostics channels. Whoever publishes on one makes its message only while there is a subscriber.
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
  const safe = Object.entries(listeners).map(([name, listener]) => [name, guarded(listener)] as const);
  return {
    on() {
      const { subscribe } = process.getBuiltinModule('node:diagnostics_channel');
      for (const [name, listener] of safe) subscribe(name, listener);
    },
    off() {
      const { unsubscribe } = process.getBuiltinModule('node:diagnostics_channel');
      for (const [name, listener] of safe) unsubscribe(name, listener);
    },
  };
}

/** Several as one. */
export function together(...switches: readonly Switch[]): Switch {
  return {
    on() {
      for (const each of switches) each.on();
    },
    off() {
      for (const each of switches.toReversed()) each.off();
    },
  };
}
