import type { Worker } from 'node:worker_threads';
import { int32, type Provider, uint64 } from 'sonde';
import { whileTraced } from '../presence.js';
import { subscriptions } from './channels.js';
import { now, since } from './clock.js';
import { guarded } from './guard.js';
import { clearTimeout, setTimeout } from './tasks.js';

export const threadProbes = {
  threadStart: [int32('thread'), int32('tid'), uint64('age')],
  workerCreate: [int32('thread')],
  workerExit: [int32('thread'), int32('code'), uint64('ns')],
} as const;

/** A tracer's byte changes some milliseconds before it takes what comes. */
const SETTLED_MS = 250;

type Node = Provider<typeof threadProbes>;

export function watchThreads(node: Node): void {
  watchStarts(node);
  watchWorkers(node);
}

/** Each thread tells of itself: when it starts, and when a tracer attaches later. */
function watchStarts(node: Node): void {
  const began = now();
  let isNew = true;
  let timer: NodeJS.Timeout | undefined;
  const tell = (age: bigint) => {
    const { threadId } = process.getBuiltinModule('node:worker_threads');
    node.threadStart.fire(threadId, kernelThread(), age);
  };
  whileTraced(
    [node.threadStart],
    () => {
      if (isNew) tell(0n);
      else timer = setTimeout(() => tell(now() - began), SETTLED_MS).unref();
    },
    () => clearTimeout(timer),
  );
  isNew = false;
}

/** A worker that is terminated cannot say so: it is seen from the thread that made it. */
function watchWorkers(node: Node): void {
  const { on, off } = subscriptions({
    worker_threads({ worker }: { worker: Worker }) {
      const began = now();
      const { threadId } = worker;
      node.workerCreate.fire(threadId);
      worker.once(
        'exit',
        guarded((code: number) => node.workerExit.fire(threadId, code, since(began))),
      );
    },
  });
  whileTraced([node.workerCreate, node.workerExit], on, off);
}

/** The kernel's number for this thread, which Linux alone tells; else 0. */
function kernelThread(): number {
  try {
    return Number(process.getBuiltinModule('node:fs').readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return 0;
  }
}
