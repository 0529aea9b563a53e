// A program whose functions are watched and let go of, again and again, while it calls them: what is
// left then, as JSON. `node test-rounds.js FOLDER ROUNDS`
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { functionProbes } from '../probes.js';
import { whoIsThere } from '../runtime/inspector.js';
import { byHand } from '../test-probes.js';
import { liveStatus, watchLive, wishes } from './live.js';

const ROUNDS = Number(process.argv[3]);

const path = join(process.argv[2]!, 'rounds.cjs');
writeFileSync(
  path,
  'exports.round = function round(x) { return later(x) };\nasync function later(x) { await null; return x }',
);
const { round } = createRequire(import.meta.url)(path) as { round(x: number): Promise<number> };

const { provider, trace, fired } = byHand('functions_in_rounds', functionProbes);
watchLive(provider);
wishes.add(['round', 'later'], 1, false);

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** What V8 keeps of scripts goes only some turns after them. */
async function used(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    gc();
    await setTimeout(5);
  }
  return process.memoryUsage().heapUsed;
}

async function state(): Promise<object> {
  await setTimeout(20);
  return {
    globals: [...Object.getOwnPropertyNames(globalThis), ...Object.getOwnPropertySymbols(globalThis).map(String)],
    errors: Object.getOwnPropertyNames(Error),
    listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
    resources: process.getActiveResourcesInfo(),
    who: whoIsThere(),
  };
}

let told = 0;
let memory = 0;
let before: unknown;
for (let i = 0; i <= ROUNDS; i++) {
  if (i === 1) before = await state();
  if (i === ROUNDS / 2) memory = await used();
  fired.length = 0;
  // V8 tells of each script that it has, those of conditions among them, until it has collected them.
  if (i % 25 === 0) gc();
  for (const probe of ['functionEntry', 'functionReturn'] as const) trace(probe, true);
  while (liveStatus().functions.length < 2) await setTimeout(1);
  const watched = await round(i);
  await null;
  for (const probe of ['functionEntry', 'functionReturn'] as const) trace(probe, false);
  if (watched !== i || (await round(i)) !== i) throw new Error('it returns something else');
  // The first loads what the others have.
  if (i > 0) told += fired.length;
}
fired.length = 0;
console.log(JSON.stringify({ told, rounds: ROUNDS, grown: (await used()) - memory, before, after: await state() }));
