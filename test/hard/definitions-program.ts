// Defines many probes that never fire; tells what they keep, in bytes for each: of the JavaScript
// heap, and of their objects in memory.
//   node --expose-gc definitions-program.js PROVIDERS PROBES
import { readFileSync } from 'node:fs';
import { int32, provider, string } from 'sonde';

export interface Kept {
  heap: number;
  resident: number;
}

const [providers, probes] = process.argv.slice(2).map(Number) as [number, number];
/** A name without digits, of which a provider's must not be the last. */
const letters = (number: number) => String(number).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)]!);

const define = (name: string, probes: number) =>
  provider(
    name,
    Object.fromEntries(
      Array.from({ length: probes }, (_, index) => [`probe_${letters(index)}`, [string('peer'), int32('port')]]),
    ),
  );

/** Bytes in memory of all that is mapped of objects of these providers. */
function resident(): number {
  const mappings = readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const own = mappings.filter((mapping) => /\/many_\w+-\w+\.so\n/.test(mapping));
  return own.reduce((sum, mapping) => sum + Number(/^Rss:\s+(\d+)/m.exec(mapping)![1]) * 1024, 0);
}

// What is made once is not of the probes.
define('first', probes);
globalThis.gc!();
const before = process.memoryUsage().heapUsed;
const kept = Array.from({ length: providers }, (_, index) => define(`many_${letters(index)}_`, probes));
globalThis.gc!();
const heap = (process.memoryUsage().heapUsed - before) / (providers * probes);
console.log(JSON.stringify({ heap, resident: resident() / (providers * probes) } satisfies Kept));
if (kept.length !== providers) throw new Error('they are to be kept until here');
