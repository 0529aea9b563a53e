import { readFileSync } from 'node:fs';

/** Which process a thread belongs to: events have the thread's id alone. */
export class ThreadOwners {
  private readonly known = new Map<number, { pid: number; since: number }>();

  /** The kernel told that a thread has started another one. */
  isStarted(thread: number, by: number): void {
    this.known.set(thread, { pid: this.ownerOf(by), since: performance.now() });
  }

  /** The thread's own id where it has ended before anybody asked. */
  ownerOf(tid: number): number {
    const known = this.known.get(tid);
    const now = performance.now();
    // Ids come back.
    if (known && now - known.since < 1000) return known.pid;
    const pid = processOf(tid) ?? known?.pid ?? tid;
    this.known.set(tid, { pid, since: now });
    return pid;
  }
}

function processOf(tid: number): number | undefined {
  try {
    return Number(/^Tgid:\t(\d+)$/m.exec(readFileSync(`/proc/${tid}/status`, 'utf8'))![1]);
  } catch {
    return undefined;
  }
}
