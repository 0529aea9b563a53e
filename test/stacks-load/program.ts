// A program whose code comes and goes: files of three functions that call each other, the innermost
// of which fires `load:here`.
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { stacks } from '@sonde/node';
import { provider, stack } from 'sonde';
import { answerCalls } from '../support/called-program.js';

const load = provider('load', { here: [stack('stack', { depth: 6, limit: 190 })] });
const FILES = 200;
type Call = (n: number, fire: boolean) => number;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
setFlagsFromString('--no-expose-gc');

/** Not a text with `eval: true`: such threads have not got what `--import` names. */
const THREAD = `
import { parentPort } from 'node:worker_threads';
import { stacks } from '${import.meta.resolve('@sonde/node')}';
let sum = 0;
for (let i = 0; i < 200; i++) sum += new Function('n', 'for (let i = 0; i < 1000; i++) n += i; return n + ' + i)(1);
parentPort.postMessage(stacks.status().on);
`;

let made = 0;
const files: Call[] = [];

function make(): Call {
  const id = made++;
  // Code of many sizes, so that it does not lie where the last one of its kind did.
  const more = Array.from({ length: id % 13 }, (_, i) => `s ^= n + ${i};`).join(' ');
  return new Function(
    'load',
    `function f${id}(n, fire) { let s = 0; for (let i = 0; i < n; i++) { s += i; ${more} } if (fire) load.here.fire(); return s }
function g${id}(n, fire) { return f${id}(n, fire) + 1 }
function h${id}(n, fire) { return g${id}(n, fire) + 1 }
return h${id}
//# sourceURL=/load/${id}.js`,
  )(load) as Call;
}

const commands = {
  /** Makes, runs and drops files for so long; some get hot. The resident memory, in bytes. */
  churn(ms: number): number {
    const until = Date.now() + ms;
    for (let turn = 0; Date.now() < until; turn++) {
      for (let i = 0; i < 10; i++) files[(made * 7) % FILES] = make();
      for (let i = 0; i < FILES; i++) {
        files[i] ??= make();
        const call = files[i]!;
        for (let n = 0; n < (i % 20 === 0 ? 500 : 5); n++) call(50, false);
      }
      if (turn % 20 === 0) collect();
    }
    collect();
    return process.memoryUsage.rss();
  },

  /** Fires once from every file. */
  fire(): void {
    for (const call of files) call(1, true);
  },

  /** A thread of JavaScript that comes and goes; whether its frames had names. */
  async thread(): Promise<boolean> {
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(THREAD)}`));
    // Both may come in one turn of the event loop.
    const [[on]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
    return on;
  },

  status: () => stacks.status(),
};

export type Commands = typeof commands;

answerCalls(commands);
