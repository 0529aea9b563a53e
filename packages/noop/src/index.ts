import type { Backend } from '@sonde/core/internal';

/**
 * Probes that no tracer can see: never enabled, nothing fired. The core checks definitions all the
 * same.
 */
export const noop: Backend = {
  load: ({ probes }) => ({
    code: new Uint8Array(1),
    probes: probes.map(() => ({ offset: 0, untraced: 0, tracer: '', fire() {} })),
    unload() {},
  }),
};
