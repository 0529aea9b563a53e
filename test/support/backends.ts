// Linux's backends whose probes tracers see, and where each tool finds them.
export interface TracedBackend {
  backend: 'systemtap' | 'ebpf';
  /** What bpftrace attaches to. */
  bpftrace(object: string, provider: string, probe: string): string;
  /** Where gdb breaks. */
  gdb(provider: string, probe: string): string;
}

export const tracedBackends: readonly TracedBackend[] = [
  {
    backend: 'systemtap',
    bpftrace: (object, provider, probe) => `usdt:${object}:${provider}:${probe}`,
    gdb: (provider, probe) => `-probe-stap ${provider}:${probe}`,
  },
  {
    backend: 'ebpf',
    bpftrace: (object, provider, probe) => `uprobe:${object}:${provider}_${probe}`,
    gdb: (provider, probe) => `${provider}_${probe}`,
  },
];
