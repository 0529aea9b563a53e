// Worker threads come, fire all kinds of probes and are terminated in the middle of it; the main
// thread fires all the while.
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { bytes, int32, json, operation, provider, stack, status, string } from 'sonde';
import { answerCalls } from '../support/called-program.js';

const lives = provider('lives', {
  number: [int32('v')],
  text: [string('v')],
  memory: [bytes('v')],
  value: [json('v')],
  where: [stack('v')],
  job: operation({ start: [string('what')], done: [int32('size')] }),
});

export interface Process {
  /** Bytes, after a collection. */
  resident: number;
  threads: number;
  /** What each is of. */
  descriptors: string[];
  /** Of the probe object. */
  mappings: number;
}

const commands = {
  object: () => status().providers[0]!.location!,

  /** Runs so many workers, some at once, each for a time that chance makes. */
  async run(
    workers: number,
    atOnce: number,
  ): Promise<{ exits: Record<string, number>; before: Process; after: Process }> {
    const exits: Record<string, number> = {};
    let left = workers;
    const lane = async () => {
      while (left-- > 0) {
        const exit = await live(left);
        exits[exit] = (exits[exit] ?? 0) + 1;
      }
    };
    const before = await measure();
    await Promise.all(Array.from({ length: atOnce }, lane));
    return { exits, before, after: await measure() };
  },

  /** Fires from the main thread: how many values did not fit, of all. */
  fire(times: number): number {
    for (let i = 0; i < times; i++) fireAll(i);
    return status().providers[0]!.probes.reduce((sum, { errors }) => sum + errors, 0);
  },
};

export type Commands = typeof commands;

/** How it ended: its exit code, or what went wrong with it. */
async function live(number: number): Promise<string> {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: number });
  let ended = once(worker, 'exit').then(([code]) => `exit ${code}`);
  ended = Promise.race([ended, once(worker, 'error').then(([error]) => `error ${error}`)]);
  // Every eighth while it loads and defines, the others while they fire.
  if (number % 8 === 0) await setTimeout(Math.random() * 50);
  else await Promise.race([once(worker, 'message'), ended]);
  await setTimeout(Math.random() * 5);
  lives.number.fire(number);
  await worker.terminate();
  return ended;
}

function fireAll(i: number): void {
  lives.number.fire(i);
  lives.text.fire(`text ${i}`);
  lives.memory.fire(Buffer.alloc(100));
  lives.value.fire({ i, toJSON: () => ({ i, text: 'x'.repeat(1000) }) });
  lives.where.fire();
  lives.job.run(
    ['sync'],
    () => i,
    (size) => [size],
  );
  lives.job.run(
    ['async'],
    async () => i,
    (size) => [size],
  );
}

function nameOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    // That by which they were listed.
    return 'closed';
  }
}

async function measure(): Promise<Process> {
  await setTimeout(20);
  gc!();
  gc!();
  await setTimeout(20);
  const { location } = status().providers[0]!;
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return {
    resident: process.memoryUsage.rss(),
    threads: readdirSync('/proc/self/task').length,
    descriptors: readdirSync('/proc/self/fd').map(nameOf),
    mappings: maps.filter((line) => line.endsWith(location!)).length,
  };
}

if (isMainThread) {
  answerCalls(commands);
} else {
  // Some yield, the others never do.
  const yields = (workerData as number) % 2 === 0;
  fireAll(0);
  parentPort!.postMessage('fired');
  for (let i = 1; ; i++) {
    fireAll(i);
    if (yields) await setTimeout(0);
  }
}
