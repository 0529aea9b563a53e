import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { tell } from './tell.js';

const told = tell(workerData?.port);
if (isMainThread) console.log(JSON.stringify(told));
else parentPort!.postMessage(told);
