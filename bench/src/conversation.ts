import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A program that answers each line with a line. */
export class Conversation {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor(command: string, parameters: readonly string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(command, parameters, { stdio: ['pipe', 'pipe', 'inherit'], env });
    this.lines = createInterface(this.child.stdout!)[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Its next line. */
  async hear(): Promise<string> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.child.spawnargs.join(' ')} ended too early`);
    return value;
  }

  ask(line: string): Promise<string> {
    this.child.stdin!.write(`${line}\n`);
    return this.hear();
  }

  end(): void {
    this.child.kill('SIGKILL');
  }
}
