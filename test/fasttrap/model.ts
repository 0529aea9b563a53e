// A system with DTrace, inside this process: see test/fasttrap. To be imported before sonde, in
// every thread (--import): it puts the addon that is linked against the model in the place of
// sonde's own.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { type DofProbe, readDof, type System, validate } from '@sonde/dof';
import { systems, type TracerRules } from './systems.js';

/** What the addon in test/fasttrap exports: see there. */
interface Model {
  boot(system: System): void;
  trace(): void;
  refuse(refuses: boolean): void;
  hold(holds: boolean): void;
  holding(): boolean;
  handed(): { owner: number; generation: number; module: string; address: bigint; dof: bigint; content: Buffer }[];
}

const folder = fileURLToPath(new URL('../../fasttrap/build/Release/', import.meta.url));
/** Which system to be: SONDE_TEST_SYSTEM. */
export const rules: TracerRules = systems[process.env.SONDE_TEST_SYSTEM as System];
const ADDON = join('build', 'Release', 'sonde.node');

const { dlopen } = process;
export const model = load();
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
  /** `provider<pid>:module:function:name`; on Linux, the id is the thread's. */
  name: string;
  types: readonly string[];
  /** Where its trap goes. */
  tracepoint: bigint;
  probe: DofProbe;
}

/**
 * The probes that the system knows. Its loader would take all the DOF; of two probes of one name,
 * most systems go without the later one (`probe-distinct` in packages/dof/src/rules.ts, which holds
 * within DOF).
 */
export function knownProbes(): KnownProbe[] {
  const probes = model.handed().flatMap(({ owner, module, dof, content }) => {
    assert.deepEqual(validate(content, { system: rules.system }), []);
    // What a thread has left behind is forgotten when it is gone.
    if (!existsSync(`/proc/self/task/${owner}`)) return [];
    return readDof(content).providers.flatMap(({ provider, probes }) =>
      probes.map((probe) => ({
        name: `${provider}${owner}:${module}:${probe.function}:${probe.name}`,
        types: probe.translatedArguments,
        tracepoint: rules.tracepoint(probe, dof),
        probe,
      })),
    );
  });
  if (rules.takesTwins) return probes;
  const first = new Map<string, KnownProbe>();
  for (const probe of probes) if (!first.has(probe.name)) first.set(probe.name, probe);
  return [...first.values()];
}
