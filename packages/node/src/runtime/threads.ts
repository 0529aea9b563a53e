import type { Worker } from 'node:worker_threads';
import type { Provider } from 'sonde';
import type { threadProbes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { subscriptions } from './channels.js';
import { now, since } from './clock.js';
import { around } from './methods.js';
import { clearTimeout, setTimeout } from './tasks.js';

/** A tracer's byte changes some milliseconds before it takes what comes. */
const SETTLED_MS = 250;

type Node = Provider<typeof threadProbes>;

/**
 * @param began when the thread had its probes
 * @param isNew whether that was just now
 */
export function watchThreads(node: Node, began: bigint, isNew: boolean): void {
  watchStarts(node, began, isNew);
  watchWorkers(node);
}

/** Each thread tells of itself: when it starts, and when a tracer attaches later. */
function watchStarts(node: Node, began: bigint, isNew: boolean): void {
  let isStarting = isNew;
  let timer: NodeJS.Timeout | undefined;
  const tell = (age: bigint) => {
    const { threadId } = process.getBuiltinModule('node:worker_threads');
    node.threadStart.fire(threadId, kernelThread(), age);
  };
  whileTraced(
    [node.threadStart],
    () => {
      if (isStarting) tell(0n);
      else timer = setTimeout(() => tell(now() - began), SETTLED_MS).unref();
    },
    () => clearTimeout(timer),
  );
  isStarting = false;
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
