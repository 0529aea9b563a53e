import { untilGone } from '../discovery/alive.js';
import type { Question } from '../question/question.js';

/** Waits for the end of what a question asks for: of the process, too, if it is about one. */
export function untilAnswered(
  { pid }: Question,
  duration: number | undefined,
  failed: Promise<Error>,
): Promise<Error | undefined> {
  return untilEnd<Error | undefined>(duration, failed, ...(pid === undefined ? [] : [untilGone([pid])]));
}

/**
 * Waits for the end of what was asked for: its time is over, somebody pressed Ctrl-C or ended the
 * command, or nobody reads its output any more; or for one of the others, and returns what that has.
 *
 * @param duration in milliseconds
 */
export function untilEnd<Result = undefined>(
  duration: number | undefined,
  ...others: Promise<Result>[]
): Promise<Result | undefined> {
  return new Promise((resolve, reject) => {
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    // Nothing else may keep this process.
    const timer = duration === undefined ? setInterval(() => {}, 2 ** 30) : setTimeout(end, duration);
    for (const signal of signals) process.on(signal, () => end());
    process.stdout.on('error', () => end());
    for (const other of others) other.then(end, reject);
    function end(result?: Result): void {
      clearTimeout(timer);
      resolve(result);
    }
  });
}
