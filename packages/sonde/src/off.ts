// What `sonde` is under the export condition `sonde-off`: the same names and checks, and no way
// from here to native code.
import { type Backend, type Backends, registerBackends } from '@sonde/core/internal';
import { noop } from '@sonde/noop';

const leftOut = (): Backend => {
  throw new Error('the export condition sonde-off leaves out all backends but noop');
};

const backends: Backends = {
  table: { dtrace: leftOut, systemtap: leftOut, ebpf: leftOut, noop: () => noop },
  buildDefault: () => 'auto',
};

registerBackends(backends);

export * from '@sonde/core';
