// Defines more providers than a process can have mappings for, and goes on. Prints what it saw as
// JSON.
import { readFileSync } from 'node:fs';
import { provider, status, string } from 'sonde';

export interface Seen {
  /** Providers whose probes a tracer can find. */
  active: number;
  /** Why the others have no such probes: each reason once. */
  reasons: string[];
  mappings: number;
  limit: number;
  /** Whether memory can still be mapped, by V8 too. */
  works: boolean;
}

const limit = Number(readFileSync('/proc/sys/vm/max_map_count', 'utf8'));
// What was there when this was mended has three mappings each.
const wanted = Math.ceil(limit / 3);
const kept = Array.from({ length: wanted }, (_, i) => provider(`kept_${letters(i)}`, { probe: [string('text')] }));
for (const { probe } of kept) probe.fire('text');
const { providers } = status();
const buffers = Array.from({ length: 200 }, () => Buffer.alloc(2 ** 20, 1));
const seen: Seen = {
  active: providers.filter(({ location }) => location !== undefined).length,
  reasons: [...new Set(providers.flatMap(({ reason }) => reason ?? []))],
  mappings: readFileSync('/proc/self/maps', 'utf8').split('\n').length,
  limit,
  works: buffers.every((buffer) => buffer.at(-1) === 1) && new Function('return 1')() === 1,
};
console.log(JSON.stringify(seen));

/** Numbers end the name of a provider for DTrace, so these have none. */
function letters(number: number): string {
  return [...String(number)].map((digit) => 'abcdefghij'[Number(digit)]).join('');
}
