// A program in a process of its own that does what the test tells it, over the channel of
// child_process.fork(); when that closes, it ends.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { run } from './tracer.js';

interface Call {
  id: number;
  name: string;
  args: unknown[];
}

interface Answer {
  id: number;
  result?: unknown;
  error?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: whatever a program takes and returns.
type AnyCommands = Record<string, (...args: any[]) => any>;

/** In the program: runs these when they are called. */
export function answerCalls(commands: AnyCommands): void {
  process.on('message', async ({ id, name, args }: Call) => {
    try {
      process.send!({ id, result: await commands[name]!(...args) } satisfies Answer);
    } catch (error) {
      process.send!({ id, error: String((error as Error).stack) } satisfies Answer);
    }
  });
}

export interface ProgramOptions {
  /** The path of Node.js; this one where it is left out. */
  node?: string;
  /** Options of Node.js. */
  execArgv?: string[];
  /** What runs Node.js, as `setpriv --reuid 1000`. */
  through?: string[];
}

export class CalledProgram<Commands extends AnyCommands> {
  private readonly child: ChildProcess;
  private readonly exit: Promise<unknown[]>;
  private readonly waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  private calls = 0;
  /** What it wrote to stderr. */
  errors = '';

  constructor(
    file: string,
    environment: Record<string, string>,
    { node, execArgv = [], through = [] }: ProgramOptions = {},
  ) {
    const [command, ...args] = [...through, node ?? process.execPath, ...execArgv];
    this.child = fork(file, {
      env: { ...process.env, SONDE_BACKEND: 'systemtap', SONDE_REQUIRE: '1', ...environment },
      execPath: command,
      execArgv: args,
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
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Has it run one of its commands. */
  call<Name extends keyof Commands & string>(
    name: Name,
    ...args: Parameters<Commands[Name]>
  ): Promise<Awaited<ReturnType<Commands[Name]>>> {
    const id = ++this.calls;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.child.send({ id, name, args } satisfies Call, (error) => error && reject(error));
    });
  }

  /**
   * Keeps all its threads on one processor. Tracers of the BPF kind have a buffer for each
   * processor and read them in turn: only what one processor wrote comes in order.
   */
  async pin(): Promise<void> {
    const [, processor] = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))!;
    await run('taskset', ['--all-tasks', '--cpu-list', '--pid', processor!, String(this.pid)]);
  }

  /** When it has ended: its exit code, or the signal that ended it. */
  get ended(): Promise<unknown> {
    return this.exit.then(([code, signal]) => signal ?? code);
  }

  /** Lets it end by itself; its exit code, or the signal that ended it. */
  end(): Promise<unknown> {
    this.child.disconnect();
    return this.ended;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
  }
}
