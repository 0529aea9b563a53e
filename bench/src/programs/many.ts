// Defines many probes; prints milliseconds, and bytes of the JavaScript heap that each probe keeps.
//   node --expose-gc many.js PROVIDERS PROBES
import { int32, provider, string } from 'sonde';

export interface Many {
  ms: number;
  heap: number;
}

const [providers, probes] = process.argv.slice(2).map(Number) as [number, number];
/** A name without digits, of which a provider's must not be the last. */
const letters = (number: number) => String(number).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)]!);
const collect = globalThis.gc!;

// What is made once is not of the probes.
provider('many_first', { probe: [string('peer'), int32('port')] });
collect();
const before = process.memoryUsage().heapUsed;
const began = performance.now();
const kept = Array.from({ length: providers }, (_, index) => {
  const names = Array.from({ length: probes }, (_, index) => `probe_${letters(index)}`);
  const source = Object.fromEntries(names.map((name) => [name, [string('peer'), int32('port')]]));
  return provider(`many_${letters(index)}_of_${letters(providers)}`, source);
});
const ms = performance.now() - began;
collect();
const heap = (process.memoryUsage().heapUsed - before) / (providers * probes);
console.log(JSON.stringify({ ms, heap } satisfies Many));
if (kept.length !== providers) throw new Error('they are to be kept until here');
