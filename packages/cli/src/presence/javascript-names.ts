// JavaScript functions have names in native stacks while `node:stacks__on` is switched on in a
// process that has @sonde/node (docs/stacks.md).
import { readFileSync, rmSync, statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { TracedObject, TracedProcess } from '../model.js';
import { Presence } from './presence.js';

/** A process that waits for nothing looks within a second, when it has nothing that tells it. */
const PATIENCE_MS = 2000;
const LOOK_MS = 20;

export class JavaScriptNames {
  /** Why there are none in some processes. */
  readonly missing: { pid: number; reason: string }[] = [];
  private readonly presences: { process: TracedProcess; presence: Presence }[] = [];

  private constructor() {}

  /** Switches them on, and waits until they are there. */
  static async start(processes: readonly TracedProcess[], objects: readonly TracedObject[]): Promise<JavaScriptNames> {
    const names = new JavaScriptNames();
    for (const process of processes) names.add(process, objects);
    await Promise.all(names.presences.map(({ process }) => names.wait(process)));
    return names;
  }

  /** Switches them off; `node:stacks__on` is as it was before. */
  async end(): Promise<void> {
    await Promise.all(this.presences.map(({ presence }) => presence.end()));
    // A process that ended meanwhile has left its file for us.
    for (const { process } of this.presences) if (!isThere(`/proc/${process.pid}`)) removeMap(process);
  }

  private add(process: TracedProcess, objects: readonly TracedObject[]): void {
    const { pid } = process;
    const found = objects
      .filter((object) => object.processes.includes(process))
      .flatMap((object) => object.probes.map((probe) => ({ object, probe })))
      .find(({ probe }) => probe.provider === 'node' && probe.name === 'stacks__on');
    if (!found) {
      this.missing.push({ pid, reason: 'it does not have @sonde/node/register' });
      return;
    }
    try {
      this.presences.push({ process, presence: new Presence(process, found.object, found.probe) });
    } catch (error) {
      this.missing.push({ pid, reason: reasonOf(error as NodeJS.ErrnoException) });
    }
  }

  private async wait({ pid }: TracedProcess): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    while (!isThere(mapOf(pid))) {
      if (performance.now() > until) {
        const reason =
          'they did not come on; stacks.status() of @sonde/node says why, and a program that is busy is late';
        this.missing.push({ pid, reason });
        return;
      }
      await setTimeout(LOOK_MS);
    }
  }
}

/** Where it keeps its names, by its own number and in its own file system. */
function mapOf(pid: number): string {
  return `/proc/${pid}/root/tmp/perf-${numberInside(pid)}.map`;
}

function numberInside(pid: number): string {
  try {
    return /^NSpid:.*?(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? String(pid);
  } catch {
    return String(pid);
  }
}

function removeMap({ pid, uid, container }: TracedProcess): void {
  const path = `/tmp/perf-${pid}.map`;
  try {
    if (container === undefined && statSync(path).uid === uid) rmSync(path);
  } catch {
    // There is none.
  }
}

function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch {
    return false;
  }
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EACCES' || code === 'EPERM') {
    return 'its memory may not be written, which its user may where kernel.yama.ptrace_scope is 0, and root';
  }
  if (code === 'EIO') return 'its code may not be written: the kernel does not allow it (proc_mem.force_override)';
  return message;
}
