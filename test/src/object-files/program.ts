// Defines a provider, fires it, and prints what status tells. SONDE_TEST_PROBES makes another definition of it,
// SONDE_TEST_USER does it as another user.
import { int32, provider, status, string } from 'sonde';

const { SONDE_TEST_USER } = process.env;
if (SONDE_TEST_USER) {
  // Only now, and with all code loaded: where that lies, the user may not be able to read.
  provider('early', { probe: [] }).unload();
  process.setgid!(Number(SONDE_TEST_USER));
  process.setuid!(Number(SONDE_TEST_USER));
}

const names = (process.env.SONDE_TEST_PROBES ?? 'probe').split(',');
const own = provider('files', Object.fromEntries(names.map((name) => [name, [string('text'), int32('number')]])));
for (const name of names) (own[name] as { fire(...values: unknown[]): void }).fire('text', 1);
console.log(JSON.stringify(status()));
