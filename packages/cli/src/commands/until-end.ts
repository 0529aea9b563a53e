/**
 * Waits for the end of what was asked for: its time is over, somebody pressed Ctrl-C or ended the
 * command, or nobody reads its output any more.
 *
 * @param duration in milliseconds
 */
export function untilEnd(duration: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    const timer = duration === undefined ? setInterval(() => {}, 2 ** 30) : setTimeout(end, duration);
    for (const signal of signals) process.on(signal, end);
    process.stdout.on('error', end);
    function end(): void {
      clearTimeout(timer);
      resolve();
    }
  });
}
