// One thread of the conformance suite: defines, fires, ends; with unload or without.
import { threadId } from 'node:worker_threads';
import { int32, provider } from 'sonde';

const own = provider('threads', { probe: [int32('number')] });
for (let i = 0; i < 1000; i++) own.probe.fire(i);
if (threadId % 2 === 0) own.unload();
