import { readFileSync } from 'node:fs';
import type { LoadedProbe, LoadedProvider, ProbeDefinition, ProviderDefinition } from '@sonde/core';
import { definitionKey, type ProbeObjectDefinition, stubsOf } from '@sonde/elf';
import { getBinding, late } from './binding.js';
import { type FireEvent, fireFunction } from './fire.js';
import { firstInstruction } from './first-instruction.js';
import { openObject } from './object-files.js';

/** In what an object depends on the machine: see @sonde/elf, which is not installed with this package, so nothing is exported in its types. */
export interface Machine {
  architecture: 'x64' | 'arm64';
  nop: 1 | 5 | 10;
}

/**
 * Makes ready for {@link loadProbeObject}.
 *
 * @throws when this is not Linux on x64 or arm64, or the addon cannot be loaded
 */
export function thisMachine(): Machine {
  const { platform, arch } = process;
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) {
    throw new Error(`it needs Linux on x64 or arm64, and this is ${platform} on ${arch}`);
  }
  getBinding();
  return { architecture: arch, nop: firstInstruction(kernelRelease(), arch) };
}

/** As os.release() gives it; but node:os, which a program may not have loaded, takes longer than all that is done here. */
function kernelRelease(): string {
  try {
    return readFileSync('/proc/sys/kernel/osrelease', 'utf8');
  } catch {
    return process.getBuiltinModule('node:os').release();
  }
}

/** A probe as a user event. */
export interface ProbeEvent {
  /** `tracepoint:user_events:smtp_session__start` */
  name: string;
  /** One byte; not 0 while somebody traces the event. */
  flag: Uint8Array;
  written: FireEvent;
}

/** A probe's stub as a symbol of its object: a C identifier, since most tools take a colon for a separator. */
export const symbolOf = (provider: string, probe: string) => `${provider}_${probe}`;

/**
 * Maps the probe object of a provider, which is written if it is not there yet.
 *
 * @param visible whether the object has SDT notes
 * @param tracer what a tool has to be given for a probe
 * @param events the probes' user events, if they have any
 */
export function loadProbeObject(
  { name, probes }: ProviderDefinition,
  visible: Machine & { notes: boolean },
  tracer: (location: string, probe: string) => string,
  events?: readonly ProbeEvent[],
): LoadedProvider {
  const definition: ProbeObjectDefinition = {
    provider: name,
    ...visible,
    probes: probes.map((probe) => ({
      name: probe.name,
      symbol: symbolOf(name, probe.name),
      arguments: probe.native,
    })),
  };
  const { size, distance, resting } = stubsOf(definition);
  const { code, location, reason } = openObject({
    provider: name,
    key: definitionKey(definition),
    content: () => (late('elf') as typeof import('@sonde/elf')).writeProbeObject(definition).bytes,
    symbol: definition.probes[0]!.symbol,
    size,
  });
  const object: LoadedObject = { code, location, distance, resting, tracer, events };
  return {
    code,
    location,
    ...(reason !== undefined && { reason }),
    probes: probes.map((probe, index) => new Stub(object, probe, index)),
    // What holds the object are the view and the functions that fire: the core drops both, and then it is unmapped.
    unload() {},
  };
}

interface LoadedObject {
  code: Uint8Array;
  location: string;
  distance: number;
  resting: number;
  tracer(location: string, probe: string): string;
  events: readonly ProbeEvent[] | undefined;
}

/** What most probes are never asked for is made when it is. */
class Stub implements LoadedProbe {
  private readonly object: LoadedObject;
  private readonly probe: ProbeDefinition;
  private readonly index: number;

  constructor(object: LoadedObject, probe: ProbeDefinition, index: number) {
    this.object = object;
    this.probe = probe;
    this.index = index;
  }

  get offset() {
    return this.index * this.object.distance;
  }

  get stub() {
    return this.offset;
  }

  get resting() {
    return this.object.resting;
  }

  get tracer() {
    return this.object.tracer(this.object.location, this.probe.name);
  }

  get flag() {
    return this.object.events?.[this.index]?.flag;
  }

  get event() {
    return this.object.events?.[this.index]?.name;
  }

  get fire() {
    return fireFunction(this.object.code, this.offset, this.probe.arguments, this.object.events?.[this.index]?.written);
  }
}
