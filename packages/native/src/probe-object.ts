import { readFileSync } from 'node:fs';
import type { LoadedProbe, LoadedProvider, ProbeDefinition, ProviderDefinition } from '@sonde/core/internal';
import { definitionKey, type ProbeObjectDefinition, type ProgramProbe, type ProgramProbes, stubsOf } from '@sonde/elf';
import { getBinding, loadOnDemand } from './binding.js';
import { type FireEvent, fireFunction } from './fire.js';
import { firstInstruction } from './first-instruction.js';
import { type OpenObject, openObject, type Whereabouts } from './object-files.js';
import { watchCode } from './watch.js';

/**
 * In what an object depends on the machine: see @sonde/elf, which is not installed with this
 * package, so nothing is exported in its types.
 */
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

/**
 * As os.release() gives it; but node:os, which a program may not have loaded, takes longer than all
 * that is done here.
 */
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

/**
 * A probe's stub as a symbol of its object: a C identifier, since most tools take a colon for a
 * separator.
 */
export const symbolOf = (provider: string, probe: string) => `${provider}_${probe}`;

/** What differs between the backends whose probes are stubs of an object. */
export interface Visibility {
  /** Whether the object has SDT notes. */
  notes: boolean;
  /** Of the link to the provider's newest definition: `so`. */
  extension: string;
  /**
   * What a tool has to be given for a probe, of an object whose path is written as bpftrace takes
   * it.
   */
  tracer(path: string, probe: string): string;
  /** The probes' user events, if they have any. */
  events?: { readonly probes: readonly ProbeEvent[]; close(): void };
  /** Why the probes are not all that they could be. */
  reason?: string;
}

/** Maps the probe object of a provider, which is written if it is not there yet. */
export function loadProbeObject(
  { name, probes }: ProviderDefinition,
  machine: Machine,
  { notes, extension, tracer, events, reason }: Visibility,
): LoadedProvider {
  const definition: ProbeObjectDefinition = {
    provider: name,
    ...machine,
    notes,
    probes: probes.map((probe) => ({
      name: probe.name,
      symbol: symbolOf(name, probe.name),
      arguments: probe.native,
    })),
    ...programOf(probes, !notes),
  };
  const { size, distance, untraced } = stubsOf(definition);
  const object = openObject({
    provider: name,
    key: definitionKey(definition),
    link: `${name}.${extension}`,
    content: () => (loadOnDemand('elf') as typeof import('@sonde/elf')).writeProbeObject(definition).bytes,
    symbol: definition.probes[0]!.symbol,
    size,
  });
  return new ProbeObject(object, probes, { distance, untraced, tracer, events, reason });
}

/**
 * What sonde's own tools are told, if there is anything to tell: a provider of plain probes needs no
 * note, unless nothing else has its name.
 */
function programOf(probes: readonly ProbeDefinition[], isNeeded: boolean): { program?: ProgramProbes } {
  const program: ProgramProbes = {};
  let isEmpty = true;
  for (const { name, key, part, arguments: list } of probes) {
    let carries: ProgramProbe['carries'];
    for (const argument of list) {
      const { type } = argument;
      if (type !== 'json' && type !== 'stack' && type !== 'bytes') continue;
      carries ??= {};
      carries[argument.name] = type;
    }
    if (key === undefined && part === undefined && !carries) continue;
    program[name] = { ...(key !== undefined && { key }), ...(part && { part }), ...(carries && { carries }) };
    isEmpty = false;
  }
  return isEmpty && !isNeeded ? {} : { program };
}

interface StubLayout extends Pick<Visibility, 'tracer'> {
  distance: number;
  untraced: number;
  events: Visibility['events'] | undefined;
  reason: string | undefined;
}

class ProbeObject implements LoadedProvider {
  readonly code: Uint8Array;
  readonly probes: readonly LoadedProbe[];
  private readonly object: OpenObject;
  private readonly stubs: StubLayout;
  private found: Whereabouts | undefined;

  constructor(object: OpenObject, probes: readonly ProbeDefinition[], stubs: StubLayout) {
    this.code = object.code;
    this.object = object;
    this.stubs = stubs;
    this.probes = probes.map((probe, index) => new ObjectProbe(this, stubs, probe, index));
  }

  /**
   * Looks for the object. What else is asked for is of the moment of the last look, which is one
   * for all probes.
   */
  get location() {
    this.found = this.object.whereabouts();
    return this.found.location;
  }

  get reason() {
    const reasons = [this.stubs.reason, this.lastFound.reason].filter((reason) => reason !== undefined);
    return reasons.length > 0 ? reasons.join('; ') : undefined;
  }

  get newest() {
    return this.lastFound.newest;
  }

  /** The object as bpftrace takes it, which wants quotes around most characters. */
  get path(): string {
    const { location } = this.lastFound;
    return /[^\w./-]/.test(location) ? `"${location}"` : location;
  }

  private get lastFound(): Whereabouts {
    this.found ??= this.object.whereabouts();
    return this.found;
  }

  watch(changed: () => void): () => void {
    const { distance, untraced, events } = this.stubs;
    const flags = events?.probes.map(({ flag }) => ({ code: flag, offsets: [0], untraced: 0 })) ?? [];
    const stubs = { code: this.code, offsets: this.probes.map((_, index) => index * distance), untraced };
    return watchCode([stubs, ...flags], this.lastFound.location, changed);
  }

  // What holds the object are the view and the functions that fire: the core drops both, and then
  // it is unmapped.
  unload(): void {
    this.object.withdraw();
    this.stubs.events?.close();
  }
}

/** What most probes are never asked for is made when it is. */
class ObjectProbe implements LoadedProbe {
  private readonly object: ProbeObject;
  private readonly stubs: StubLayout;
  private readonly probe: ProbeDefinition;
  private readonly index: number;

  constructor(object: ProbeObject, stubs: StubLayout, probe: ProbeDefinition, index: number) {
    this.object = object;
    this.stubs = stubs;
    this.probe = probe;
    this.index = index;
  }

  get offset() {
    return this.index * this.stubs.distance;
  }

  get stub() {
    return this.offset;
  }

  get untraced() {
    return this.stubs.untraced;
  }

  get tracer() {
    return this.stubs.tracer(this.object.path, this.probe.name);
  }

  get flag() {
    return this.stubs.events?.probes[this.index]?.flag;
  }

  get event() {
    return this.stubs.events?.probes[this.index]?.name;
  }

  get fire() {
    return fireFunction(
      this.object.code,
      this.offset,
      this.probe.arguments,
      this.stubs.events?.probes[this.index]?.written,
    );
  }
}
