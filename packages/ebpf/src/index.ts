import type { Backend } from '@sonde/core/internal';
import { loadProbeObject, symbolOf, thisMachine } from '@sonde/native';
import { openUserEvents, type UserEvents } from './user-events.js';

/**
 * Linux, for tools that know uprobes and tracepoints but no USDT. Each probe is a function to set a
 * uprobe on, `<provider>_<probe>` in the provider's probe object, with DWARF and BTF for its
 * arguments; and, where the kernel has them, a *user event* as well, the typed tracepoint
 * `user_events:<provider>_<probe>`. Both, because each serves tools that the other does not: ftrace
 * and perf take user events without a trap, but the kernel (6.12, 6.18) runs no BPF program for
 * one.
 *
 * Where there are no user events, the provider's `reason` tells why.
 *
 * @throws when this is not Linux on x64 or arm64, or the addon cannot be loaded
 */
export function ebpf(): Backend {
  const machine = thisMachine();
  return {
    load(provider) {
      let events: UserEvents | undefined;
      let reason: string | undefined;
      try {
        events = openUserEvents(provider);
      } catch (error) {
        reason = `no user events: ${(error as Error).message}`;
      }
      try {
        return loadProbeObject(provider, machine, {
          notes: false,
          // A tool that wants notes must not be led to an object without.
          extension: 'ebpf.so',
          tracer: (path, probe) => `uprobe:${path}:${symbolOf(provider.name, probe)}`,
          ...(events && { events }),
          ...(reason !== undefined && { reason }),
        });
      } catch (error) {
        events?.close();
        throw error;
      }
    },
  };
}
