// Node.js's own diagnostics channels. Whoever publishes on one makes its message only while there is a subscriber.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

// biome-ignore lint/suspicious/noExplicitAny: what is published is not in Node.js's types.
export type Listeners = Record<string, (message: any) => void>;

/**
 * Subscriptions that come and go together, by the channels' names. What is thrown in a subscriber, Node.js throws again where nobody
 * catches it, and the program ends: so nothing is.
 */
export function subscriptions(listeners: Listeners): { on(): void; off(): void } {
  const safe = Object.entries(listeners).map(([name, listener]) => [name, guarded(listener)] as const);
  return {
    on() {
      for (const [name, listener] of safe) subscribe(name, listener);
    },
    off() {
      for (const [name, listener] of safe) unsubscribe(name, listener);
    },
  };
}

function guarded(listener: (message: unknown) => void): (message: unknown) => void {
  return (message) => {
    try {
      listener(message);
    } catch {
      // A getter of the program's, or a message of another shape than this version of Node.js has. There is nothing to fire.
    }
  };
}
