// A program that uses one of the drop-ins as programs use what it stands in for, in CommonJS, and
// fires until its input ends. First it writes one line: its status. Started with the package's name
// and the number of its worker threads.
import { createRequire } from 'node:module';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { status } from 'sonde';
import { COUNTS, typesOf, valuesOf } from './arguments.js';

const [name, workers] = isMainThread ? process.argv.slice(2) : workerData;
const dropIn = createRequire(import.meta.url)(name!);
const provider = dropIn.USDTProvider ? new dropIn.USDTProvider('dropin') : dropIn.createDTraceProvider('dropin');

const fires = COUNTS.map((count) => {
  const probe = provider.addProbe(`with-${count}`, ...typesOf(count));
  return () => probe.fire(() => valuesOf(count));
});
const twice = [provider.addProbe('twice', 'int'), provider.addProbe('twice', 'char *')];
const removed = provider.addProbe('removed');
provider.enable();
if (provider.removeProbe) provider.removeProbe(removed);
const late = provider.addProbe('GET /users/:id', 'char *');
fires.push(
  () => twice[0].fire((value: unknown) => [value], 1),
  () => twice[1].fire((value: unknown) => [value], 'two'),
  () => late.fire(() => [isMainThread ? 'late' : 'late in a worker']),
);
// When what was added late is there.
await null;
if (isMainThread) {
  console.log(JSON.stringify(status()));
  for (let count = 0; count < Number(workers); count++) {
    new Worker(new URL(import.meta.url), { workerData: [name] }).unref();
  }
  process.stdin.on('end', () => process.exit()).resume();
}
setInterval(() => {
  for (const fire of fires) fire();
}, 10);
