import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { interrupt } from '../interrupting.js';
import { atEnd } from './ending.js';
import type { Served } from './served.js';

const ATTACHES_WITHIN_MS = 15_000;
const LEAVES_WITHIN_MS = 10_000;

/** A tracer that is a program of its own, prints lines, and detaches when it is interrupted. */
export class Tool {
  private readonly command: string;
  private readonly child: ChildProcess;
  private readonly closed: Promise<void>;
  private readonly complaints: string[] = [];
  private missing = false;

  constructor(command: string, parameters: readonly string[], onLine: (line: string) => void) {
    this.command = command;
    this.child = spawn(command, parameters, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // gdb would ask servers on the internet about the symbols of node.
      env: { ...process.env, DEBUGINFOD_URLS: '' },
    });
    this.closed = new Promise((resolve) => {
      this.child.once('close', () => resolve());
      this.child.once('error', (error: NodeJS.ErrnoException) => {
        this.missing = error.code === 'ENOENT';
        this.complaints.push(error.message);
        resolve();
      });
    });
    atEnd(() => this.stop());
    createInterface(this.child.stdout!).on('line', onLine);
    createInterface(this.child.stderr!).on('line', (line) => this.complaints.push(line));
  }

  /**
   * Waits until the server's probes are enabled, which is how the server sees a tracer. Throws when
   * it never comes to that.
   */
  async attached(server: Served): Promise<void> {
    let ended = false;
    this.closed.then(() => {
      ended = true;
    });
    const deadline = Date.now() + ATTACHES_WITHIN_MS;
    while (!ended && Date.now() < deadline) {
      const { sessionDone, delivery } = await server.enabled();
      if (sessionDone && delivery) return;
      await sleep(20);
    }
    await this.stop();
    throw new Error(ended ? this.reason() : `it did not attach within ${ATTACHES_WITHIN_MS / 1000} s`);
  }

  /** Interrupts the tool and waits until it is gone and all its lines were read. */
  async stop(): Promise<void> {
    const done = interrupt(this.child);
    const late = setTimeout(() => this.child.kill('SIGKILL'), LEAVES_WITHIN_MS);
    await this.closed;
    done();
    clearTimeout(late);
  }

  private reason(): string {
    if (this.missing) return `${this.command} is not installed`;
    // bpftrace says that about RLIMIT_MEMLOCK in containers, and works all the same.
    const lines = this.complaints.filter((line) => line.trim() !== '' && !line.includes('RLIMIT_MEMLOCK'));
    const telling = lines.find((line) => /^ptrace:|^ERROR/.test(line)) ?? lines.at(-1);
    return telling?.replace(/^ERROR: /, '') ?? `it ended with status ${this.child.exitCode ?? this.child.signalCode}`;
  }
}
