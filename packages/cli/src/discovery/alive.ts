// Whether a process is there still, and is the same one: numbers are used again.
import { readFileSync } from 'node:fs';

/** A process, whatever has its number later. */
export interface ProcessIdentity {
  pid: number;
  /** When it started, in ticks. */
  started: string;
}

const LOOK_MS = 200;

/** Whether some process has this number, of whatever user. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process started, in ticks; undefined if it has ended. */
export function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') return statFields(pid)?.[19];
  return exists(pid) ? '' : undefined;
}

/** Not if it has ended, and its parent has not asked for that yet. */
export function isAlive({ pid, started }: ProcessIdentity): boolean {
  return startOf(pid) === started && statFields(pid)?.[0] !== 'Z';
}

export function parentOf(pid: number): number {
  return Number(statFields(pid)?.[1] ?? 0);
}

/** Resolves when all of them have ended. */
export function untilGone(pids: readonly number[]): Promise<undefined> {
  const known = pids.flatMap((pid) => {
    const started = startOf(pid);
    return started === undefined ? [] : [{ pid, started }];
  });
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (known.some(isAlive)) return;
      clearInterval(timer);
      resolve(undefined);
    }, LOOK_MS);
    timer.unref();
  });
}

/** From the third on, which stands behind the command's name: proc_pid_stat(5). */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
