// A system with DTrace, inside this process: see test/fasttrap. To be imported before sonde, in every thread (--import): it puts
// the addon that is linked against the model in the place of sonde's own.
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { type DofProbe, readDof, type System, validate } from '@sonde/dof';
import { systems, type TracerRules } from './systems.js';

/** What the addon in test/fasttrap exports: see there. */
interface Model {
  boot(system: System): void;
  handed(): { generation: number; module: string; address: bigint; dof: bigint; content: Buffer }[];
}

const folder = fileURLToPath(new URL('../../fasttrap/build/Release/', import.meta.url));
/** Which system to be: SONDE_TEST_SYSTEM. */
export const rules: TracerRules = systems[process.env.SONDE_TEST_SYSTEM as System];
const ADDON = join('build', 'Release', 'sonde.node');

const { dlopen } = process;
const model = load();
if (isMainThread) model.boot(rules.system);

process.dlopen = (module, file, ...flags) =>
  dlopen.call(process, module, file.endsWith(ADDON) ? join(folder, `sonde_${rules.system}.node`) : file, ...flags);

/** Its symbols are for the addon that is linked against it. */
function load(): Model {
  const module: { exports: unknown } = { exports: {} };
  dlopen.call(process, module, join(folder, 'fasttrap.node'), constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL);
  return module.exports as Model;
}

/** A probe that the system's tracer can be asked for. */
export interface KnownProbe {
  /** `provider<pid>:module:function:name` */
  name: string;
  types: readonly string[];
  /** Where its trap goes. */
  tracepoint: bigint;
  probe: DofProbe;
}

/** The probes that the system knows. Its loader would take all the DOF. */
export function knownProbes(): KnownProbe[] {
  return model.handed().flatMap(({ module, dof, content }) => {
    assert.deepEqual(validate(content, { system: rules.system }), []);
    return readDof(content).providers.flatMap(({ provider, probes }) =>
      probes.map((probe) => ({
        name: `${provider}${process.pid}:${module}:${probe.function}:${probe.name}`,
        types: probe.translatedArguments,
        tracepoint: rules.tracepoint(probe, dof),
        probe,
      })),
    );
  });
}
