/** What is shown until the next is. */
export interface LiveOutput {
  show(text: string): void;
  /** The last one stays. */
  done(): void;
}

/** On a terminal in the same place; elsewhere one after the other. */
export async function liveOutput(): Promise<LiveOutput> {
  if (!process.stdout.isTTY) return { show: (text) => console.log(`${text}\n`), done: () => {} };
  const { default: logUpdate } = await import('log-update');
  return { show: (text) => logUpdate(text), done: () => logUpdate.done() };
}
