// How long sonde takes to load, in a program that has already loaded what any application has:
// node:fs, a CommonJS file and an ESM file. Prints milliseconds.
//   node load.js WORK ADDON
import 'node:fs';
import { createRequire } from 'node:module';
import './any-commonjs.cjs';
import './any-module.js';

export type Work =
  | 'nothing'
  | 'addon'
  | 'ten'
  | 'packages'
  | 'first'
  | 'require'
  | 'noop'
  | 'one'
  | 'thousand'
  | 'tenThousand';

export interface LoadTimes {
  imported: number;
  defined: number;
  /** MiB that the process grew by, without a collection. */
  grown: number;
}

const [work, addon] = process.argv.slice(2) as [Work, string];
const require = createRequire(import.meta.url);

if (work === 'packages') {
  // What an application's own dependencies have made Node.js load and compile by then.
  await import('@sonde/bench/any-module');
  require('@sonde/bench/any-commonjs');
}

const before = process.memoryUsage.rss();
const started = performance.now();
let define = () => {};
if (work === 'nothing') await import('./empty.js');
else if (work === 'addon') require(addon);
else {
  const { provider, string, int32 } = work === 'require' ? (require('sonde') as Sonde) : await import('sonde');
  define = () => {
    for (let i = 0; i < (work === 'tenThousand' ? 1000 : work === 'thousand' ? 100 : 1); i++) {
      if (work === 'one') provider('load', { sessionStart: [string('peer'), int32('port')] });
      else
        provider(`load${i}_`, {
          sessionStart: [string('peer'), int32('port')],
          sessionDone: [string('peer'), int32('port')],
          recipient: [string('peer'), int32('port')],
          deliveryStart: [string('peer'), int32('port')],
          deliveryDone: [string('peer'), int32('port')],
          deliveryError: [string('peer'), int32('port')],
          storeStart: [string('peer'), int32('port')],
          storeDone: [string('peer'), int32('port')],
          refused: [string('peer'), int32('port')],
          timeout: [string('peer'), int32('port')],
        });
    }
  };
}
const imported = performance.now();
define();
const defined = performance.now();
console.log(
  JSON.stringify({
    imported: imported - started,
    defined: defined - imported,
    grown: (process.memoryUsage.rss() - before) / 2 ** 20,
  } satisfies LoadTimes),
);

type Sonde = typeof import('sonde');
