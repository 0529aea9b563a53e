// A tracer as a child process.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as startTimer } from 'node:timers';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

const PATIENCE_MS = 30_000;
/**
 * From the request to end to the next one: bpftrace 0.17 forgets one that comes while it prints
 * events. When it prints what its maps hold, it takes none any more, and one would end it before it
 * is done.
 */
const AGAIN_MS = 3_000;
/** From the request to end to the end by force. */
const GRACE_MS = 30_000;
const KNOCK_MS = 5;

export class Tracer {
  /** What it wrote, in the order in which it came. */
  output = '';
  /** When it ended, by process.hrtime. */
  endedAt: bigint | undefined;
  private readonly command: string;
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown>;
  private readonly changed = new Set<() => void>();

  constructor(command: string, args: readonly string[], environment: Record<string, string> = {}) {
    this.command = command;
    this.child = spawn(command, args, { stdio: 'pipe', env: tracerEnvironment(environment) });
    this.closed = once(this.child, 'close').catch((error) => {
      this.output += error;
    });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        for (const check of this.changed) check();
      });
    }
    this.child.on('exit', () => {
      this.endedAt = process.hrtime.bigint();
      for (const check of this.changed) check();
    });
    // Writing to a tracer that is gone: what it wrote before tells more than EPIPE.
    this.child.stdin!.on('error', () => {});
  }

  get pid(): number {
    return this.child.pid!;
  }

  write(text: string): void {
    this.child.stdin!.write(text);
  }

  /**
   * Knocks until the tracer shows it. A stub is patched some milliseconds before bpftrace, perf or
   * bcc take what it fires (the kernel puts the breakpoint in when a perf event is opened; the BPF
   * program is attached to the event, or the event enabled, afterwards), so that a probe is
   * `enabled` does not tell that nothing is lost any more.
   */
  async hears(knock: () => Promise<unknown>, pattern: RegExp): Promise<void> {
    let over = false;
    const shown = this.shows(pattern).finally(() => {
      over = true;
    });
    const knocking = async () => {
      while (!over) {
        await knock();
        await setTimeout(KNOCK_MS);
      }
    };
    // Both, so that no knock is under way any more.
    await Promise.all([shown, knocking()]);
  }

  /** Ends its input. */
  close(): void {
    this.child.stdin!.end();
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /**
   * Waits until the output, from a position in it on, matches. Rejects, telling the output, when
   * the tracer ends or it takes too long.
   */
  async shows(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        clearTimeout(timer);
        this.changed.delete(check);
        end();
      };
      const fail = (why: string) =>
        settle(() =>
          reject(new Error(`${this.command} ${why} and did not show ${pattern}. It wrote:\n${this.output}`)),
        );
      const check = () => {
        const match = pattern.exec(this.output.slice(from));
        if (match) settle(() => resolve(match));
        // Its last words may come after its end.
        else if (this.endedAt !== undefined)
          this.closed.then(() => !pattern.test(this.output.slice(from)) && fail('ended'));
      };
      const timer = startTimer(() => fail(`took ${PATIENCE_MS} ms`), PATIENCE_MS);
      this.changed.add(check);
      check();
    });
  }

  /** Ends it as Ctrl+C does, and returns all that it wrote. */
  async stop(): Promise<string> {
    const again = setInterval(() => catchesInterrupts(this.child.pid!) && this.child.kill('SIGINT'), AGAIN_MS);
    const late = startTimer(() => this.child.kill('SIGKILL'), GRACE_MS);
    this.child.kill('SIGINT');
    await this.closed;
    clearInterval(again);
    clearTimeout(late);
    return this.output;
  }

  /** Waits for its own end, and returns all that it wrote. */
  async end(): Promise<string> {
    await this.closed;
    return this.output;
  }
}

/**
 * Runs a command to its end and returns what it wrote to stdout; what it wrote at all is in the
 * error when it fails.
 */
export async function run(
  command: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<string> {
  try {
    return (await promisify(execFile)(command, args, { env: tracerEnvironment(environment) })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(' ')} failed: ${(error as Error).message}\n${stdout}\n${stderr}`);
  }
}

function catchesInterrupts(pid: number): boolean {
  try {
    const [, lowestSignals = '0'] = /^SigCgt:.*([0-9a-f])$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return (Number.parseInt(lowestSignals, 16) & 0b10) !== 0;
  } catch {
    return false;
  }
}

/** The same output on every machine, and no debug information from the network. */
function tracerEnvironment(own: Record<string, string>): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C.UTF-8', DEBUGINFOD_URLS: '', PYTHONUNBUFFERED: '1', ...own };
}
