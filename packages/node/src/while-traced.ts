// What probes need that costs something (subscriptions, callbacks, patched functions) is there only
// while they are traced. A tracer that attaches changes a byte and tells nobody, so a timer polls:
// one byte for each probe, twenty times a second.
import type { Probe } from 'sonde';
import { log } from 'sonde/internal';
import { clearInterval, setInterval } from './runtime/tasks.js';

/**
 * From one poll to the next: what is switched on is on within 100 ms, also when a turn of the event
 * loop takes half of that.
 */
const POLL_MS = 50;

interface Watched {
  probes: readonly Pick<Probe, 'enabled'>[];
  on: () => void;
  off: () => void;
  isOn: boolean;
}

const watched = new Set<Watched>();
let timer: NodeJS.Timeout | undefined;
const debug = log('node');

/**
 * Calls `on` when the first of the probes is traced, and `off` when none is any more: at once, if
 * one is now, and later within 100 ms, as long as the event loop turns. Neither is called twice in
 * a row. The timer does not hold the process open. What `on` and `off` throw is told to the log,
 * `DEBUG=sonde:node`, and nobody else.
 *
 * @returns what ends this; `off` is called if `on` was the last.
 */
export function whileTraced(probes: readonly Pick<Probe, 'enabled'>[], on: () => void, off: () => void): () => void {
  const entry: Watched = { probes, on, off, isOn: false };
  watched.add(entry);
  poll(entry);
  timer ??= setInterval(pollAll, POLL_MS).unref();
  return () => {
    if (!watched.delete(entry)) return;
    if (entry.isOn) switchTo(entry, false);
    if (watched.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function pollAll(): void {
  try {
    for (const entry of watched) poll(entry);
  } catch {
    // A program that replaced what this needs of JavaScript goes on without probes.
  }
}

function poll(entry: Watched): void {
  const { probes, isOn } = entry;
  for (let i = 0; i < probes.length; i++) {
    if (probes[i]!.enabled) {
      if (!isOn) switchTo(entry, true);
      return;
    }
  }
  if (isOn) switchTo(entry, false);
}

function switchTo(entry: Watched, isOn: boolean): void {
  entry.isOn = isOn;
  try {
    if (isOn) entry.on();
    else entry.off();
  } catch (error) {
    debug('%s failed: %o', isOn ? 'switching on' : 'switching off', error);
  }
}
