import { accessSync, constants } from 'node:fs';
import {
  applicationManifest,
  type Backend,
  type LoadedProvider,
  type NativeType,
  type ProviderDefinition,
} from '@sonde/core';
import { type DofDefinition, writeDof } from '@sonde/dof';
import { fireFunction, getBinding } from '@sonde/native';

/**
 * DTrace: each provider is described to the system by DOF, and its probes are stubs that are compiled into the addon.
 * `dtrace` lists them as `<provider><pid>:<module>:<function>:<name>`; a probe `session__start` is `session-start` there.
 *
 * @throws when the system has no helper device that this process may use, or the addon cannot be loaded
 */
export function dtrace(): Backend {
  checkDevice();
  const pool = getBinding().stubPool();
  const application = applicationName();
  return { load: (provider) => load(provider, pool, application) };
}

/** Through which a process hands its probes to DTrace. On Linux, dtprobed of DTrace for Linux makes it. */
function checkDevice(): void {
  const device = process.platform === 'darwin' ? '/dev/dtracehelper' : '/dev/dtrace/helper';
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`this process cannot use ${device} (${code}); DTrace must be there before the program starts`);
  }
}

type Pool = ReturnType<ReturnType<typeof getBinding>['stubPool']>;

function load(provider: ProviderDefinition, pool: Pool, application: string): LoadedProvider {
  const { name, probes, module = application } = provider;
  const definition = describeProvider(provider);
  const { bytes, addresses } = writeDof(definition);
  const key = `${module} ${JSON.stringify(definition)}`;
  const { stubs, registration } = getBinding().registerDof(key, module, bytes, Uint32Array.from(addresses));
  return {
    code: pool.code,
    probes: probes.map((probe, index) => {
      const offset = stubs[index]! * pool.distance + pool.nop;
      return {
        offset,
        resting: pool.resting,
        tracer: `${name}${process.pid}:::${dtraceName(probe.name)}`,
        get fire() {
          return fireFunction(pool.code, offset, probe.arguments);
        },
      };
    }),
    unload: () => getBinding().unregisterDof(registration),
  };
}

const dtraceName = (name: string) => name.replaceAll('__', '-');

/** A provider as DOF has it, without the addresses of its stubs: those the addon fills in. */
export function describeProvider({ name, probes }: ProviderDefinition): DofDefinition {
  return {
    provider: name,
    probes: probes.map((probe) => ({
      name: dtraceName(probe.name),
      function: probe.function ?? probe.name,
      address: 0,
      offsets: [0],
      nativeArguments: probe.native.map(({ type }) => TYPES[type]),
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
    return moduleName(JSON.parse(applicationManifest(process.argv[1])?.text ?? '{}').name);
  } catch {
    // Not ours to complain about.
    return moduleName(undefined);
  }
}

/** A package's name, made such that DTrace takes it for a module. */
export function moduleName(name: unknown): string {
  return typeof name === 'string' && name !== '' ? name.replace(/[^a-zA-Z0-9_.-]/g, '_').slice(0, 63) : 'node';
}
