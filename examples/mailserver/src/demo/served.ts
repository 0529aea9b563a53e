import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atEnd } from './ending.js';
import type { Answers } from './server-process.js';

/** The mail server in its process, seen from the demo. */
export class Served {
  readonly port: number;
  /** Where the probe object and the database are, and what a tracer needs can be put. */
  readonly folder: string;
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, { resolve(answer: never): void; reject(error: Error): void }>();
  private questions = 0;

  private constructor(child: ChildProcess, port: number, folder: string) {
    this.child = child;
    this.port = port;
    this.folder = folder;
    child.on('message', ({ id, answer }: { id: number; answer: never }) => {
      this.waiting.get(id)?.resolve(answer);
      this.waiting.delete(id);
    });
    child.on('exit', (code, signal) => {
      for (const { reject } of this.waiting.values()) reject(new Error(`the mail server ended (${signal ?? code})`));
    });
  }

  static async start(folder: string): Promise<Served> {
    const child = fork(fileURLToPath(new URL('server-process.js', import.meta.url)), [join(folder, 'mail')], {
      env: { ...process.env, SONDE_DIR: folder },
      // So that a bigint passes as one.
      serialization: 'advanced',
    });
    atEnd(() => stop(child));
    const ended = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`the mail server did not start (${signal ?? code})`);
    });
    const [{ port }] = (await Promise.race([once(child, 'message'), ended])) as [{ port: number }];
    return new Served(child, port, folder);
  }

  get pid(): number {
    return this.child.pid!;
  }

  ask<Question extends keyof Answers>(question: Question): Promise<Answers[Question]> {
    return new Promise((resolve, reject) => {
      const id = this.questions++;
      this.waiting.set(id, { resolve, reject });
      this.child.send({ id, question }, (error) => error && reject(error));
    });
  }

  /**
   * What to give a tracer to find the probes. Throws with the reason when there is nothing to find.
   */
  async object(): Promise<string> {
    const { backend, requested, reason, providers } = await this.ask('status');
    const location = providers[0]?.location;
    if (location === undefined) {
      const why = providers[0]?.reason ?? reason ?? `the backend is ${backend}, ${requested} was asked for`;
      throw new Error(`the server has no probe object (${why})`);
    }
    // The link to the newest object is as good here, and shorter.
    const link = join(dirname(location), 'smtp.so');
    return existsSync(link) && realpathSync(link) === realpathSync(location) ? link : location;
  }

  /** Whether the probes that the demo traces are enabled: as the server itself sees it. */
  async enabled(): Promise<{ sessionDone: boolean; delivery: boolean }> {
    const probes = (await this.ask('status')).providers[0]?.probes ?? [];
    const isEnabled = (name: string) => probes.some((probe) => probe.name.startsWith(name) && probe.enabled);
    // As smtp.delivery.enabled says it: any of the operation's three probes.
    return { sessionDone: isEnabled('session__done'), delivery: isEnabled('delivery__') };
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  if (child.connected) child.disconnect();
  const late = setTimeout(() => child.kill('SIGKILL'), 5000);
  await exit;
  clearTimeout(late);
}
