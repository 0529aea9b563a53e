// Defines a provider, fires it, and prints what status tells. SONDE_TEST_PROBES makes another
// definition of it, SONDE_TEST_USER and SONDE_TEST_GROUP do it as another user. With SONDE_TEST_MS
// it goes on for so long, and prints once more when its object is gone.
import { existsSync } from 'node:fs';
import { int32, provider, status, string } from 'sonde';

const { SONDE_TEST_USER, SONDE_TEST_GROUP = SONDE_TEST_USER, SONDE_TEST_MS } = process.env;
if (SONDE_TEST_USER) {
  // Only now, and with all code loaded: where that lies, the user may not be able to read.
  provider('early', { probe: [] }).unload();
  process.setgroups!([]);
  process.setgid!(Number(SONDE_TEST_GROUP));
  process.setuid!(Number(SONDE_TEST_USER));
}

const names = (process.env.SONDE_TEST_PROBES ?? 'probe').split(',');
const own = provider('files', Object.fromEntries(names.map((name) => [name, [string('text'), int32('number')]])));
for (const name of names) (own[name] as { fire(...values: unknown[]): void }).fire('text', 1);
const print = () => console.log(JSON.stringify(status()));
const { location } = status().providers[0]!;
print();
if (SONDE_TEST_MS) {
  const look = setInterval(() => {
    if (existsSync(location!)) return;
    clearInterval(look);
    print();
  }, 10);
  setTimeout(() => clearInterval(look), Number(SONDE_TEST_MS));
}
