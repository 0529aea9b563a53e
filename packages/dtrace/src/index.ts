import {
  applicationManifest,
  type Backend,
  type LoadedProvider,
  type NativeType,
  type ProviderDefinition,
} from '@sonde/core/internal';
import type { DofDefinition, DofVersion } from '@sonde/dof';
import { type Dtrace, fireFunction, getBinding, loadOnDemand, watchCode } from '@sonde/native';

/**
 * DTrace: each provider is described to the system by DOF, and its probes are stubs that are
 * compiled into the addon. `dtrace` lists them as `<provider><pid>:<module>:<function>:<name>`; a
 * probe `session__start` is `session-start` there.
 *
 * @throws when the system has no helper device that this process may use, or the addon cannot be
 * loaded
 */
export function dtrace(): Backend {
  const system = getBinding().openDtrace();
  const application = applicationName();
  return { load: (provider) => load(provider, system, application) };
}

function load(provider: ProviderDefinition, system: Dtrace, application: string): LoadedProvider {
  const { name, probes } = provider;
  const definition = describeProvider(provider, system);
  const { writeDof } = loadOnDemand('dof') as typeof import('@sonde/dof');
  const { bytes, addresses, offsets } = writeDof(definition);
  // Where the program names no module, the first thread's application is taken: a worker's file may
  // lie in another package.
  const key = `${provider.module ?? ''} ${JSON.stringify(definition)}`;
  const module = provider.module ?? application;
  const { stubs, registration } = getBinding().registerDof({
    key,
    provider: name,
    module,
    names: definition.probes.map((probe) => `${module}:${probe.function}:${probe.name}`),
    dof: bytes,
    addresses: Uint32Array.from(addresses),
    offsets: Uint32Array.from(offsets),
  });
  return {
    code: system.code,
    probes: probes.map((probe, index) => {
      const offset = stubs[index]! * system.distance + system.nop;
      return {
        offset,
        untraced: system.untraced,
        stub: stubs[index]! * system.distance,
        tracer: `${name}${process.pid}:::${dtraceName(probe.name)}`,
        get fire() {
          return fireFunction(system.code, offset, probe.arguments);
        },
      };
    }),
    watch: (changed) => {
      const offsets = stubs.map((stub) => stub * system.distance + system.nop);
      return watchCode([{ code: system.code, offsets, untraced: system.untraced }], undefined, changed);
    },
    unload: () => getBinding().unregisterDof(registration),
  };
}

const dtraceName = (name: string) => name.replaceAll('__', '-');

/**
 * A provider as DOF has it, without the places of its stubs: those the addon fills in. Of a probe's
 * arguments those are told that D can read; of others it would show a 0.
 */
export function describeProvider(
  { name, probes }: ProviderDefinition,
  { version, arguments: most }: Pick<Dtrace, 'version' | 'arguments'>,
): DofDefinition {
  return {
    version: version as DofVersion,
    provider: name,
    probes: probes.map((probe) => ({
      name: dtraceName(probe.name),
      function: probe.function ?? probe.name,
      address: 0,
      offsets: [0],
      nativeArguments: probe.native.slice(0, most).map(({ type }) => TYPES[type]),
    })),
  };
}

/** As D knows them. Every argument is passed as 64 bits, extended by its sign or by zeros. */
const TYPES: Record<NativeType, string> = {
  int8: 'int8_t',
  int16: 'int16_t',
  int32: 'int32_t',
  int64: 'int64_t',
  uint8: 'uint8_t',
  uint16: 'uint16_t',
  uint32: 'uint32_t',
  uint64: 'uint64_t',
  boolean: 'int',
  string: 'char *',
  pointer: 'void *',
};

/** The application's package: the module where the program gives none. */
function applicationName(): string {
  try {
    return moduleName(JSON.parse(applicationManifest()?.text ?? '{}').name);
  } catch {
    // Not ours to complain about.
    return moduleName(undefined);
  }
}

/** A package's name, made such that DTrace takes it for a module. */
export function moduleName(name: unknown): string {
  if (typeof name !== 'string' || ['', '.', '..'].includes(name)) return 'node';
  return name.replace(/[^a-zA-Z0-9_.-]/g, '_').slice(0, 63);
}
