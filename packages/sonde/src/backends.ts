import type { Backends } from '@sonde/core/internal';
import { dtrace } from '@sonde/dtrace';
import { ebpf } from '@sonde/ebpf';
import { buildDefault } from '@sonde/native';
import { noop } from '@sonde/noop';
import { systemtap } from '@sonde/systemtap';

/**
 * The one table of backends. Importing a backend does nothing; it looks at the system when it is
 * made.
 */
export const backends: Backends = {
  table: { dtrace, systemtap, ebpf, noop: () => noop },
  buildDefault,
};
