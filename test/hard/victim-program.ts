// Defines one provider after the other, each for the first time, as another user. Its own folder it
// puts aside each time, so that the next is made anew.
//
//   victim-program.js USER PLACE ROUNDS
//
// Its last line tells how many providers were mapped from a file, and from memory.
import { lstatSync, renameSync } from 'node:fs';
import { int32, provider, status } from 'sonde';

const [user, place, rounds] = [Number(process.argv[2]), process.argv[3]!, Number(process.argv[4])];

/** Letters in place of digits: a provider's name ends in none. */
const nameOf = (round: number) => `planted${String(round).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)]!)}`;

export interface Told {
  inFiles: number;
  inMemory: number;
  /** Of those in memory, why. */
  reasons: string[];
}

// All code is loaded before: where that lies, the user may not be able to read. Not with the
// environment that is attacked.
const { SONDE_DIR } = process.env;
process.env.SONDE_DIR = process.env.SAFE_DIR;
provider('early', { probe: [int32('number')] }).unload();
if (SONDE_DIR === undefined) delete process.env.SONDE_DIR;
else process.env.SONDE_DIR = SONDE_DIR;
if (user > 0) {
  process.setgroups!([]);
  process.setgid!(100);
  process.setuid!(user);
}

const told: Told = { inFiles: 0, inMemory: 0, reasons: [] };
for (let round = 0; round < rounds; round++) {
  const own = provider(nameOf(round), { probe: [int32('number')] });
  own.probe.fire(1);
  const { location, reason } = status().providers[0]!;
  if (location?.startsWith('/proc/')) told.inMemory++;
  else if (location !== undefined) told.inFiles++;
  if (reason !== undefined && !told.reasons.includes(reason)) told.reasons.push(reason);
  own.unload();
  try {
    if (lstatSync(place).uid === user) renameSync(place, `${place}-${round}`);
  } catch {
    // It is the attacker's by now.
  }
}
told.reasons.splice(10);
console.log(JSON.stringify(told));
