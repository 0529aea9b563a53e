// A thread that has the provider `threads`, too, fires it once, and tells what the system knows of it.
import { parentPort } from 'node:worker_threads';
import { int32, provider } from 'sonde';
import { knownProbes } from './model.js';

const own = provider('threads', { probe: [int32('number')] });
own.probe.fire(1);
parentPort!.postMessage(knownProbes().map(({ name }) => name));
await new Promise((resolve) => parentPort!.once('message', resolve));
