// Probe objects in memory, since no directory can be used. Prints what became of the process, as
// JSON.
//   node --expose-gc memory-program.js SCENE
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { int32, provider, status, string } from 'sonde';

const descriptors = () => readdirSync('/proc/self/fd').length;
const mapped = () => readFileSync('/proc/self/maps', 'utf8').match(/r-xp .*memfd:/g)?.length ?? 0;
/** A name in letters, since a provider's must not end in a digit. */
const nameOf = (n: number) =>
  `memory_${[...n.toString(26)].map((digit) => String.fromCharCode(97 + Number.parseInt(digit, 26))).join('')}`;
const define = (n: number) => provider(nameOf(n), { probe: [string('text'), int32('number')] });
const collect = async () => {
  for (let i = 0; i < 4; i++) {
    global.gc!();
    await setImmediate();
  }
};

const scenes: Record<string, () => unknown> = {
  /** Definitions that come and go, unloaded or just forgotten. */
  async flat() {
    define(0);
    const rows: number[][] = [];
    for (let n = 1; n <= 400; n++) {
      const made = define(n);
      made.probe.fire('text', n);
      if (n % 2) made.unload();
      if (n % 100 !== 0) continue;
      await collect();
      rows.push([descriptors(), mapped()]);
    }
    return rows;
  },

  /**
   * Definitions that go in one turn of the program, in which the garbage collector has no time for
   * them.
   */
  unloaded() {
    const before = descriptors();
    for (let n = 0; n < 200; n++) define(n).unload();
    return descriptors() - before;
  },

  /**
   * The program closes every descriptor that it does not know, and opens files of its own, which
   * get the numbers.
   */
  closed() {
    const first = define(1);
    const { location } = status().providers[0]!;
    const number = Number(location!.split('/').at(-1));
    closeSync(number);
    const upload = join(tmpdir(), 'upload');
    writeFileSync(upload, 'what somebody uploaded');
    const opened = openSync(upload, 'r');
    const again = define(1);
    again.probe.fire('text', 1);
    first.probe.fire('text', 1);
    const { providers } = status();
    first.unload();
    again.unload();
    return {
      sameNumber: opened === number,
      stillOpen: readlinkSync(`/proc/self/fd/${opened}`) === upload,
      first: providers[0],
      again: providers[1],
      location,
    };
  },

  /**
   * The same definition again, once it was unloaded while its object is still mapped, and beside
   * another that has its descriptor's number.
   */
  anew() {
    const kept = define(1);
    const locations = [status().providers[0]!.location];
    const { probe } = kept;
    kept.unload();
    const other = define(2);
    locations.push(status().providers[0]!.location);
    const again = define(1);
    locations.push(status().providers[1]!.location);
    probe.fire('text', 1);
    other.probe.fire('text', 1);
    again.probe.fire('text', 1);
    return { locations, names: locations.slice(1).map((location) => readlinkSync(location!)) };
  },

  status: () => status().providers.concat(define(1) && status().providers)[0],
};

console.log(JSON.stringify(await scenes[process.argv[2]!]!()));
