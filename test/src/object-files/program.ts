// Defines a provider, fires it, and prints what status tells. SONDE_TEST_PROBES makes another definition of it.
import { int32, provider, status, string } from 'sonde';

const names = (process.env.SONDE_TEST_PROBES ?? 'probe').split(',');
const own = provider('files', Object.fromEntries(names.map((name) => [name, [string('text'), int32('number')]])));
for (const name of names) (own[name] as { fire(...values: unknown[]): void }).fire('text', 1);
console.log(JSON.stringify(status()));
