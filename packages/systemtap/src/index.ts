import type { Backend } from '@sonde/core/internal';
import { loadProbeObject, thisMachine } from '@sonde/native';

/**
 * Linux's USDT: each provider becomes a probe object, a shared library with a stub and an SDT note
 * for each probe, which SystemTap, perf, gdb, bpftrace, bcc and DTrace for Linux read from its
 * file.
 *
 * @throws when this is not Linux on x64 or arm64, or the addon cannot be loaded
 */
export function systemtap(): Backend {
  const machine = thisMachine();
  return {
    load: (provider) =>
      loadProbeObject(provider, machine, {
        notes: true,
        extension: 'so',
        tracer: (path, probe) => `usdt:${path}:${provider.name}:${probe}`,
      }),
  };
}
