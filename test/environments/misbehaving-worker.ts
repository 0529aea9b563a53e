// A worker thread that fires a traced probe and never comes back from it: the program's own code,
// which makes the value, either waits or takes all memory that the thread may have.
import { parentPort, workerData } from 'node:worker_threads';
import { defineSmtp } from './tell.js';

const smtp = defineSmtp();
const taken: number[][] = [];

smtp.sessionDump.fire({
  toJSON() {
    parentPort!.postMessage('firing');
    if (workerData === 'waits') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    for (;;) taken.push(Array(1000).fill(0.5));
  },
});
