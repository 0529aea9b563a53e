import type { Worker } from 'node:worker_threads';
import { int32, type Provider, uint64 } from 'sonde';
import { whileTraced } from '../while-traced.js';
import { subscriptions } from './channels.js';
import { now, since } from './clock.js';
import { around } from './methods.js';
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

/**
 * A worker that is terminated cannot say so: it is seen from the thread that made it, by what
 * Node.js calls there when the thread is gone. A listener of ours would be among the program's.
 */
function watchWorkers(node: Node): void {
  const { on, off } = subscriptions({
    worker_threads({ worker }: { worker: Worker }) {
      const began = now();
      const { threadId } = worker;
      node.workerCreate.fire(threadId);
      const exit = around(
        () => handleOf(worker),
        'onexit',
        (_handle, [code]) => {
          exit.off();
          node.workerExit.fire(threadId, code, since(began));
          return undefined;
        },
      );
      exit.on();
    },
  });
  whileTraced([node.workerCreate, node.workerExit], on, off);
}

/** Node.js's own, of lib/internal/worker.js: since version 12 the same. */
function handleOf(worker: Worker): object | undefined {
  const key = Object.getOwnPropertySymbols(worker).find(({ description }) => description === 'kHandle');
  return key && (worker as unknown as Record<symbol, object>)[key];
}

/** The kernel's number for this thread, which Linux alone tells; else 0. */
function kernelThread(): number {
  try {
    return Number(process.getBuiltinModule('node:fs').readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return 0;
  }
}
