// A bpftrace that runs a script.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { CommandError } from '../../error.js';
import { printable, shellWord } from '../../output/escape.js';
import { checkInstalled } from '../installed.js';

/** From the request to end to the next one: bpftrace 0.17 forgets one that comes while it prints. */
const AGAIN_MS = 3000;
/** From the first request to the end by force. */
const GRACE_MS = 20_000;

export interface BpftraceRun {
  script: string;
  /** Bytes of a text, with the zero at its end. */
  strings: number;
  /** Keys of a map. */
  keys?: number;
  /** For what it prints, for each processor. */
  pages?: number;
  /** This process alone, whatever number it has for the kernel. */
  only?: number | undefined;
  /** Whether it looks names of functions up once for a process. */
  cachesSymbols?: boolean;
  /** As `-f` takes it. */
  format?: 'json';
}

export class BpftraceProcess {
  readonly output: Readable;
  /** Resolves with the reason if it ends by itself, and without one if it was stopped; all of the output was given. */
  readonly ended: Promise<Error | undefined>;
  private readonly child: ChildProcess;
  /** For messages: what it traces. */
  private readonly what: string;
  private said = '';
  private isMissing = false;
  private isLeaving = false;

  constructor(run: BpftraceRun, what: string) {
    this.what = what;
    this.child = spawn('bpftrace', argumentsOf(run), {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Signals of the terminal do not reach it.
      detached: true,
      env: { ...process.env, ...environmentOf(run) },
    });
    this.output = this.child.stdout!;
    const exit = new Promise<void>((resolve) => {
      this.child
        .on('exit', () => resolve())
        .on('error', (error: NodeJS.ErrnoException) => {
          this.isMissing = error.code === 'ENOENT';
          this.said = error.message;
          resolve();
        });
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text) => {
      this.said += text;
    });
    this.ended = Promise.all([exit, once(this.output, 'close')]).then(() =>
      this.isLeaving ? undefined : this.reason(),
    );
  }

  /** Ends it: it prints what it has, and resolves when that was given. */
  async stop(): Promise<void> {
    this.isLeaving = true;
    this.child.kill('SIGINT');
    const again = setInterval(() => catchesInterrupts(this.child.pid) && this.child.kill('SIGINT'), AGAIN_MS);
    const late = setTimeout(() => this.child.kill('SIGKILL'), GRACE_MS);
    await this.ended;
    clearInterval(again);
    clearTimeout(late);
  }

  /** Why it ended. */
  private reason(): CommandError {
    if (this.isMissing) return new CommandError('missing', 'bpftrace is not installed');
    if (process.getuid?.() !== 0) return new CommandError('missing', 'bpftrace needs root');
    // It says so as root, too, where it does not matter; and it may warn of much.
    const lines = this.said.split('\n').filter((line) => line !== '' && !line.includes('RLIMIT_MEMLOCK'));
    const line = lines.find((each) => /\berror: /i.test(each)) ?? lines[0] ?? '';
    const said = printable(line.replace(/^.*?\berror: (<unknown>:\S* )?/i, ''));
    return new CommandError('missing', `bpftrace does not trace ${this.what}: ${said || 'it has ended'}`);
  }
}

/** @throws {CommandError} if it is not installed, or may not trace */
export function checkBpftrace(): void {
  checkInstalled('bpftrace');
  if (process.getuid?.() !== 0) throw new CommandError('missing', 'bpftrace needs root');
}

/** The command that does the same, for a shell. */
export function bpftraceCommand(run: BpftraceRun): string {
  const environment = Object.entries(environmentOf(run)).map(([name, value]) => `${name}=${value}`);
  return `${[...environment, 'bpftrace', ...argumentsOf(run).map(shellWord)].join(' ')}\n`;
}

function argumentsOf({ script, only, format }: BpftraceRun): string[] {
  return [
    ...(format === undefined ? [] : ['-f', format]),
    ...(only === undefined ? [] : ['-p', String(only)]),
    '-e',
    script,
  ];
}

/** What it is called depends on the version. */
function environmentOf({ strings, keys, pages, cachesSymbols }: BpftraceRun): Record<string, string> {
  return {
    BPFTRACE_STRLEN: String(strings),
    BPFTRACE_MAX_STRLEN: String(strings),
    ...(keys !== undefined && { BPFTRACE_MAP_KEYS_MAX: String(keys), BPFTRACE_MAX_MAP_KEYS: String(keys) }),
    // 0.17 may take minutes to print stacks otherwise.
    ...(cachesSymbols && { BPFTRACE_CACHE_USER_SYMBOLS: '1' }),
    ...(pages !== undefined && { BPFTRACE_PERF_RB_PAGES: String(pages) }),
    BPFTRACE_MAX_PROBES: '4096',
  };
}

function catchesInterrupts(pid: number | undefined): boolean {
  try {
    const [, lowest = '0'] = /^SigCgt:.*([0-9a-f])$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return (Number.parseInt(lowest, 16) & 0b10) !== 0;
  } catch {
    return false;
  }
}
