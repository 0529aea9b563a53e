// Every call that a program makes of sonde: none may throw, whatever the program is not allowed to
// do here.
import { operation, provider, stack, status, string } from 'sonde';
import { record } from 'sonde/testing';

export interface Calls {
  backend: string;
  reason?: string;
  /** Of the provider: where it is, and why there. */
  location?: string;
  why?: string;
  /** What the recorder saw. */
  recorded: string[];
  /** How many providers are left in the end. */
  left: number;
}

/** Of {@link Calls.recorded}. */
export const RECORDED = ['probe', 'probe', 'job__start', 'job__done', 'job__start', 'job__done'];

export async function callAll(): Promise<Calls> {
  const calls = provider('calls', { probe: [string('text'), stack('where')], job: operation() });
  const fire = async () => {
    calls.probe.fire('text');
    calls.probe.fireWith(() => [`${calls.probe.enabled}`]);
    calls.job.run([], () => 1);
    await calls.job.run([], async () => 2);
  };
  await fire();
  const { backend, reason, providers } = status();
  const { location, reason: why } = providers[0]!;
  const recorder = record();
  await fire();
  recorder.stop();
  calls.unload();
  return {
    backend,
    ...(reason !== undefined && { reason }),
    ...(location !== undefined && { location }),
    ...(why !== undefined && { why }),
    recorded: recorder.fired.map(({ probe }) => probe),
    left: status().providers.length,
  };
}
