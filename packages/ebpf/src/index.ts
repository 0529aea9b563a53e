import type { Backend, LoadedProvider, ProviderDefinition } from '@sonde/core';
import { loadProbeObject, type Machine, symbolOf, thisMachine } from '@sonde/native';
import { openUserEvents, type UserEvents } from './user-events.js';

/**
 * Linux, for tools that know uprobes and tracepoints but no USDT. Each probe is a function to set a uprobe on,
 * `<provider>_<probe>` in the provider's probe object, with DWARF and BTF for its arguments; and, where the kernel has them,
 * a *user event* as well, the typed tracepoint `user_events:<provider>_<probe>`. Both, because each serves tools that the other
 * does not: ftrace and perf take user events without a trap, but the kernel (6.12, 6.18) runs no BPF program for one.
 *
 * Where there are no user events, the provider's `reason` tells why.
 *
 * @throws when this is not Linux on x64 or arm64, or the addon cannot be loaded
 */
export function ebpf(): Backend {
  const machine = thisMachine();
  return {
    load(provider) {
      let events: UserEvents;
      try {
        events = openUserEvents(provider);
      } catch (error) {
        const loaded = load(provider, machine);
        const reason = `no user events: ${(error as Error).message}`;
        return { ...loaded, reason: loaded.reason === undefined ? reason : `${reason}; ${loaded.reason}` };
      }
      try {
        return { ...load(provider, machine, events), unload: events.close };
      } catch (error) {
        events.close();
        throw error;
      }
    },
  };
}

function load(provider: ProviderDefinition, machine: Machine, events?: UserEvents): LoadedProvider {
  return loadProbeObject(
    provider,
    { ...machine, notes: false },
    (location, probe) => `uprobe:${location}:${symbolOf(provider.name, probe)}`,
    events?.probes,
  );
}
