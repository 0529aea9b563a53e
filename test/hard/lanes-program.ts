// Threads that fire all the time, each its own numbers from 1 on.
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { provider, status, uint32 } from 'sonde';
import { answerCalls } from '../support/called-program.js';

/**
 * What a thread shares with the main one: the number that it is about to fire, the last that it
 * fired, and its pause in microseconds.
 */
const [STARTED, FINISHED, PAUSE] = [0, 1, 2];

const lanes = provider('lanes', { fired: [uint32('lane'), uint32('number')] });

export interface Count {
  started: number;
  finished: number;
}

const shared: Int32Array[] = [];

const commands = {
  object: () => status().providers[0]!.location!,

  /** Starts a thread more; returns when it has fired. */
  async add(pause: number): Promise<void> {
    const memory = new Int32Array(new SharedArrayBuffer(12));
    memory[PAUSE] = pause;
    new Worker(fileURLToPath(import.meta.url), { workerData: { lane: shared.length, memory } });
    shared.push(memory);
    while (Atomics.load(memory, FINISHED) === 0) await new Promise(setImmediate);
  },

  /**
   * A number above `started` is fired after this was called, and one up to `finished` was fired
   * before.
   */
  counts: (): Count[] =>
    shared.map((memory) => ({ started: Atomics.load(memory, STARTED), finished: Atomics.load(memory, FINISHED) })),
};

export type Commands = typeof commands;

if (isMainThread) {
  answerCalls(commands);
} else {
  const { lane, memory } = workerData as { lane: number; memory: Int32Array };
  for (let number = 1; ; number++) {
    Atomics.store(memory, STARTED, number);
    lanes.fired.fire(lane, number);
    Atomics.store(memory, FINISHED, number);
    work(Atomics.load(memory, PAUSE));
  }
}

/** As a program does between two fires. */
function work(microseconds: number): void {
  const end = performance.now() + microseconds / 1000;
  while (performance.now() < end);
}
