// fixtures/traced-program from outside: a process that does what the test tells it.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Status } from '@sonde/core';
import type { Answer, Commands, ProbeName } from '../fixtures/traced-program.js';
import { run } from './tracer.js';

const PROGRAM = fileURLToPath(new URL('../fixtures/traced-program.js', import.meta.url));

export class TracedProgram {
  /** Its probes are defined. */
  readonly ready: Promise<void>;
  private readonly child: ChildProcess;
  private readonly exit: Promise<unknown[]>;
  private readonly waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  private calls = 0;
  private errors = '';

  constructor(environment: Record<string, string>) {
    this.child = fork(PROGRAM, {
      env: { ...process.env, SONDE_BACKEND: 'systemtap', SONDE_REQUIRE: '1', ...environment },
      execArgv: [],
      // bigints and bytes get through.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text) => {
      this.errors += text;
    });
    this.child.on('message', ({ id, result, error }: Answer) => {
      const call = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(`the traced program: ${error}`));
    });
    this.exit = once(this.child, 'exit');
    this.exit.then(([code, signal]) => {
      for (const { reject } of this.waiting.values()) {
        reject(new Error(`the traced program ended with ${signal ?? code}:\n${this.errors}`));
      }
      this.waiting.clear();
    });
    this.ready = this.call('status').then(() => {});
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Has it run one of its commands. */
  call<Name extends keyof Commands>(
    name: Name,
    ...args: Parameters<Commands[Name]>
  ): Promise<Awaited<ReturnType<Commands[Name]>>> {
    const id = ++this.calls;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.child.send({ id, name, args }, (error) => error && reject(error));
    });
  }

  /** Waits until the program finds the probe enabled, or disabled; when that was, by process.hrtime. */
  until(enabled: boolean, probe: ProbeName = 'smtp.sessionStart'): Promise<bigint> {
    return this.call('until', enabled, probe);
  }

  /**
   * Keeps all its threads on one processor. Tracers of the BPF kind have a buffer for each processor and read them in
   * turn: only what one processor wrote comes in order.
   */
  async pin(): Promise<void> {
    const [, processor] = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))!;
    await run('taskset', ['--all-tasks', '--cpu-list', '--pid', processor!, String(this.pid)]);
  }

  /** The probe object of a provider. */
  async object(provider = 'smtp'): Promise<string> {
    const { providers }: Status = await this.call('status');
    return providers.find(({ name }) => name === provider)!.location!;
  }

  /** Lets it end by itself; its exit code, or the signal that ended it. */
  async end(): Promise<unknown> {
    this.child.disconnect();
    const [code, signal] = await this.exit;
    return signal ?? code;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
  }
}
