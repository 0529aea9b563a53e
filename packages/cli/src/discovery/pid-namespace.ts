import { readlinkSync } from 'node:fs';

// The kernel gives the initial namespaces fixed numbers: PROC_PID_INIT_INO in <linux/proc_ns.h>.
const INITIAL = 'pid:[4026531836]';

/**
 * Whether this process, as in a container, has a pid namespace of its own. What the kernel tells of
 * an event has the pids of the machine, which are others.
 */
export function isInPidNamespace(): boolean {
  try {
    return readlinkSync('/proc/self/ns/pid') !== INITIAL;
  } catch {
    return false;
  }
}
