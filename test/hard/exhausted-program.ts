// Does its work, with probes, while something that sonde needs is used up, and tells what came of
// it.
//
//   exhausted-program.js [FREE]
//     FREE  use up all descriptors but so many before the first definition, and give them back after it
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import { int32, json, operation, provider, status, string } from 'sonde';

export interface Told {
  /** What the program computed; it does not depend on probes. */
  results: unknown[];
  /** The providers that were defined meanwhile: where they are, and why not elsewhere. */
  providers: { location?: string; reason?: string }[];
  /** One that was defined afterwards. */
  later: { location?: string; reason?: string };
  /** More than before, other than that of memory. */
  descriptors: number;
}

const free = process.argv[2] === undefined ? undefined : Number(process.argv[2]);
const before = openDescriptors();
const taken = free === undefined ? [] : takeDescriptors(free);

const results: unknown[] = [];
const definition = {
  done: [string('peer'), int32('port')],
  value: [json('value')],
  job: operation({ start: [string('what')], done: [int32('size')] }),
} as const;
const own = [provider('first', definition), provider('second', definition)];
for (const { done, value, job } of own) {
  done.fire('10.0.0.7', 25);
  done.fireWith(() => ['10.0.0.7', 25]);
  value.fire({ text: 'x'.repeat(1000) });
  results.push(
    job.run(
      ['sum'],
      () => 1 + 1,
      (size) => [size],
    ),
  );
  results.push(
    await job.run(
      ['promise'],
      async () => 'two',
      () => [2],
    ),
  );
  job.runCallback(
    ['callback'],
    (done: (error: null, result: number) => void) => done(null, 3),
    (_, result) => results.push(result),
  );
}
const providers = own.map((_, index) => placeOf(['first', 'second'][index]!));
for (const descriptor of taken) closeSync(descriptor);
const last = provider('later', definition);
last.done.fire('10.0.0.7', 25);
const later = placeOf('later');
const inMemory = [...providers, later].filter(({ location }) => location?.startsWith('/proc/')).length;
const descriptors = openDescriptors() - before - inMemory;
console.log(JSON.stringify({ results, providers, later, descriptors } satisfies Told));

function takeDescriptors(free: number): number[] {
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    for (const descriptor of taken.splice(0, free)) closeSync(descriptor);
  }
  return taken;
}

function openDescriptors(): number {
  return existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0;
}

/** Where a provider is; why it is there, or why there is no backend. */
function placeOf(provider: string): { location?: string; reason?: string } {
  const { reason: none, providers } = status();
  const { location, reason = none } = providers.find(({ name }) => name === provider)!;
  return { ...(location !== undefined && { location }), ...(reason !== undefined && { reason }) };
}
