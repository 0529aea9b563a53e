import type { Backend, LoadedProvider, ProviderDefinition } from '@sonde/core';
import { type Architecture, writeProbeObject } from '@sonde/elf';
import { fireFunction, firstInstruction, getBinding, openObject } from '@sonde/native';

/**
 * Linux's USDT: each provider becomes a probe object, a shared library with a stub and an SDT note for each probe, which
 * SystemTap, perf, gdb, bpftrace, bcc and DTrace for Linux read from its file.
 *
 * @throws when this is not Linux on x64 or arm64, or the addon cannot be loaded
 */
export function systemtap(): Backend {
  const { platform, arch } = process;
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) {
    throw new Error(`it needs Linux on x64 or arm64, and this is ${platform} on ${arch}`);
  }
  getBinding();
  return { load: (provider) => load(provider, arch) };
}

function load({ name, probes }: ProviderDefinition, architecture: Architecture): LoadedProvider {
  const object = writeProbeObject({
    provider: name,
    architecture,
    nop: firstInstruction(process.getBuiltinModule('node:os').release(), architecture),
    notes: true,
    probes: probes.map((probe) => ({
      name: probe.name,
      symbol: `${name}_${probe.name}`,
      arguments: probe.native,
    })),
  });
  const { code, location, reason } = openObject({
    provider: name,
    hash: object.buildId,
    content: object.bytes,
    symbol: object.stubs[0]!.symbol,
    size: object.text.size,
  });
  return {
    code,
    location,
    ...(reason !== undefined && { reason }),
    probes: probes.map((probe, index) => {
      const { offset, resting } = object.stubs[index]!;
      return {
        offset,
        resting,
        tracer: `usdt:${location}:${name}:${probe.name}`,
        fire: fireFunction(code, offset, probe.arguments),
      };
    }),
    // What holds the object are the view and the functions that fire: the core drops both, and then it is unmapped.
    unload() {},
  };
}
