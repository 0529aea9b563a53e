// The command `sonde`, as people run it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('bin/sonde.js', import.meta.resolve('@sonde/cli/package.json')));

export interface Answer {
  status: number | null;
  /** Results, and then what was said beside them. */
  output: string;
  remarks: string;
}

/** A command that runs. */
export class Asking {
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown>;
  private output = '';
  private remarks = '';

  constructor(parameters: readonly string[]) {
    this.child = spawn(process.execPath, [COMMAND, ...parameters], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.closed = once(this.child, 'close');
    this.child.stdout!.setEncoding('utf8').on('data', (text) => {
      this.output += text;
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text) => {
      this.remarks += text;
    });
  }

  /** Waits until it has said something, or has ended. */
  async says(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.remarks) && this.child.exitCode === null) {
      await Promise.race([once(this.child.stderr!, 'data'), this.closed]);
    }
  }

  /** As Ctrl-C does. */
  interrupt(): Promise<Answer> {
    this.child.kill('SIGINT');
    return this.answer();
  }

  /** When it has ended. */
  async answer(): Promise<Answer> {
    await this.closed;
    return { status: this.child.exitCode, output: this.output.trimEnd(), remarks: this.remarks.trimEnd() };
  }
}
