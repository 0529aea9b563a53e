// A thread that has the provider `threads`, too, fires it once, and tells what the system knows of
// it. Then it does what it is told: `unload`, `fill` (takes all stubs for a while, and tells
// whether all probes have places of their own), or `end`.
import { on } from 'node:events';
import { parentPort } from 'node:worker_threads';
import { int32, provider } from 'sonde';
import { knownProbes } from './model.js';

const own = provider('threads', { probe: [int32('number')] });
own.probe.fire(1);
tell();
for await (const [command] of on(parentPort!, 'message')) {
  if (command === 'end') break;
  if (command === 'unload') {
    own.unload();
    tell();
  }
  if (command === 'fill') parentPort!.postMessage(fill());
}

function tell(): void {
  parentPort!.postMessage(knownProbes().map(({ name }) => name));
}

function fill(): boolean {
  const probes = Object.fromEntries(Array.from({ length: 512 }, (_, index) => [`probe_${index}`, []]));
  const all = [...'abcdefgh'].map((letter) => provider(`fill_${letter}`, probes));
  const known = knownProbes();
  for (const each of all) each.unload();
  return known.length > 3000 && new Set(known.map(({ tracepoint }) => tracepoint)).size === known.length;
}
