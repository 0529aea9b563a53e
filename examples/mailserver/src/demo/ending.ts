// However the demo ends (its own end, an error, Ctrl-C, a closed pipe), nothing of it stays behind.
import { constants } from 'node:os';

const steps: (() => unknown)[] = [];
let ending: Promise<void> | undefined;

/** Registers what is to be undone at the end: the last first. */
export function atEnd(step: () => unknown): void {
  steps.push(step);
}

/** Undoes everything, then ends the process. The first call decides the status. */
export function end(status: number): Promise<void> {
  ending ??= (async () => {
    for (const step of steps.reverse()) await step();
    process.exit(status);
  })();
  return ending;
}

/** Whether errors are to be expected, since things are being taken away. */
export const isEnding = () => ending !== undefined;

/** Ends on signals, and when whoever read the output went away: `npm run demo | head`. */
export function endOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => end(128 + constants.signals[signal]));
  }
  process.stdout.on('error', () => end(1));
}
