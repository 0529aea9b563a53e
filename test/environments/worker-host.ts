// Starts worker threads in odd surroundings, and tells what they tell. The first argument says
// which.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { status } from 'sonde';
import { defineSmtp, starts, type Told, tell, traceSmtp } from './tell.js';

const PROGRAM = fileURLToPath(new URL('program.js', import.meta.url));
const MISBEHAVING = fileURLToPath(new URL('misbehaving-worker.js', import.meta.url));

const scenes = {
  /** What the worker tells, and the thread that started it after that. */
  async plain(options: WorkerOptions): Promise<Told[]> {
    return [await ask(new Worker(PROGRAM, options)), tell()];
  },

  /** A worker that has no file. */
  async evaluated(options: WorkerOptions): Promise<Told[]> {
    const code = `
      import(${JSON.stringify(new URL('tell.js', import.meta.url))}).then(({ tell }) =>
        require('node:worker_threads').parentPort.postMessage(tell()));`;
    return [await ask(new Worker(code, { ...options, eval: true })), tell()];
  },

  /**
   * Traces sessionDump, runs workers that never come back from firing it, and ends each while it
   * fires. What their ends were, and what a tracer of sessionStart sees of this thread afterwards.
   */
  async misbehaving(how: 'waits' | 'grows', times: number): Promise<{ ends: string[]; seen: Told['seen'] }> {
    const smtp = defineSmtp();
    const { location } = status().providers.findLast(({ name }) => name === 'smtp')!;
    const dump = traceSmtp(location!, 'session__dump');
    const ends: string[] = [];
    for (let i = 0; i < times; i++) {
      const worker = new Worker(MISBEHAVING, { workerData: how, resourceLimits: { maxOldGenerationSizeMb: 32 } });
      // Not events.once, which takes an error for the end of what it waits for.
      const end = new Promise<string>((resolve) => {
        worker.once('error', (error: NodeJS.ErrnoException) => resolve(error.code!));
        worker.once('exit', (code) => resolve(`exit ${code}`));
      });
      await once(worker, 'message');
      if (how === 'waits') await worker.terminate();
      ends.push(await end);
    }
    dump.detach();
    const start = traceSmtp(location!);
    smtp.sessionStart.fire('10.0.0.7', 2525);
    const seen = starts(start);
    start.detach();
    return { ends, seen };
  },
};

const [name, ...args] = process.argv.slice(2) as [keyof typeof scenes, ...string[]];
const scene = scenes[name] as (...args: unknown[]) => Promise<unknown>;
console.log(JSON.stringify(await scene(...args.map((arg) => JSON.parse(arg)))));

async function ask(worker: Worker): Promise<Told> {
  const [[told], [code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  if (code !== 0) throw new Error(`the worker ended with ${code}`);
  return told;
}
