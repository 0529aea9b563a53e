// Recording stacks by perf. What it writes is a file without a name, so that nothing stays when this
// process is killed; perf then ends by itself, since what it runs reads from here.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CommandError } from '../../error.js';
import { printable } from '../../output/escape.js';
import { checkInstalled } from '../installed.js';
import type { Recorded, RecordingEngine, Sample, StackRecording } from '../recording.js';
import { FIELDS, SampleParser } from './perf-script.js';

export const perf: RecordingEngine = {
  check: checkPerf,
  commands: (recorded, seconds) =>
    [
      `perf record ${['-g', ...eventsOf(recorded)].join(' ')} -p ${recorded.pids.join(',')} -o perf.data -- sleep ${seconds}`,
      `perf script -i perf.data -F ${FIELDS} --no-inline`,
      '',
    ].join('\n'),
  async start(recorded) {
    checkPerf();
    return PerfRecording.start(recorded);
  },
};

function checkPerf(): void {
  checkInstalled('perf', 'in Debian: linux-perf');
}

/** More does not go into a file; perf ends then. */
const MOST_BYTES = '2G';

/** What is run while perf records: it says that it does, and ends when this process does. */
const WORKLOAD = ['sh', '-c', 'echo recording; exec cat >/dev/null'];

/** People's own settings may change what is printed, and build ids would be kept at home. */
const ENVIRONMENT = { ...process.env, PERF_CONFIG: '/dev/null', LC_ALL: 'C' };
const RECORD = ['record', '--no-buildid', '--no-buildid-cache', '-g', '--max-size', MOST_BYTES];
const SCRIPT = ['script', '-F', FIELDS, '--no-inline', '--show-lost-events'];

class PerfRecording implements StackRecording {
  /** Resolves if it ends by itself: with the reason, or with nothing if no process is left. */
  readonly ended: Promise<Error | undefined>;
  private readonly data: number;
  private readonly child: ChildProcess;
  private readonly exit: Promise<unknown>;
  private said = '';
  private isEnding = false;

  /** @throws {CommandError} if perf is missing, or may not do it */
  static async start(recorded: Recorded): Promise<PerfRecording> {
    const recording = new PerfRecording(recorded);
    const lines = createInterface(recording.child.stdout!);
    const failure = await Promise.race([once(lines, 'line').then(() => undefined), recording.ended]);
    if (failure) {
      closeSync(recording.data);
      throw failure;
    }
    return recording;
  }

  private constructor(recorded: Recorded) {
    this.data = unnamedFile();
    const args = [
      ...RECORD,
      ...eventsOf(recorded),
      '-p',
      recorded.pids.join(','),
      '-o',
      '/proc/self/fd/3',
      '--',
      ...WORKLOAD,
    ];
    this.child = spawn('perf', args, {
      stdio: ['pipe', 'pipe', 'pipe', this.data],
      // Signals of the terminal do not reach it.
      detached: true,
      env: ENVIRONMENT,
    });
    this.child.stdin!.on('error', () => {});
    this.child.stderr!.setEncoding('utf8').on('data', (text) => {
      this.said += text;
    });
    this.exit = new Promise((resolve) => {
      this.child.on('close', resolve).on('error', (error: NodeJS.ErrnoException) => {
        this.said = error.message;
        resolve(error);
      });
    });
    this.ended = new Promise((resolve) => {
      // It ends what it runs then, whose status is its own.
      this.exit.then(() => !this.isEnding && resolve(/Captured and wrote/.test(this.said) ? undefined : this.reason()));
    });
  }

  /** For people, when it has ended: if it ended early. */
  get remark(): string | undefined {
    return /size limit reached/.test(this.said) ? `it ended early, since it had recorded ${MOST_BYTES}` : undefined;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.isEnding = true;
    this.child.stdin!.end();
    await this.exit;
  }

  /** What it recorded; names of functions are looked up now. Returns how many samples were lost. */
  async read(onSample: (sample: Sample) => void): Promise<number> {
    const child = spawn('perf', [...SCRIPT, '-i', '/proc/self/fd/3'], {
      stdio: ['ignore', 'pipe', 'pipe', this.data],
      env: ENVIRONMENT,
    });
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    const exit = once(child, 'close');
    const parser = new SampleParser(onSample);
    for await (const line of createInterface(child.stdout!)) parser.line(line);
    parser.end();
    const [status] = await exit;
    closeSync(this.data);
    if (status !== 0) throw new CommandError('failed', `perf script failed: ${printable(lastLine(said))}`);
    return parser.lost;
  }

  private reason(): CommandError {
    const level = readParanoid();
    if (/No permission|not permitted|Permission denied|perf_event_paranoid/i.test(this.said)) {
      const why = level === undefined ? '' : `: kernel.perf_event_paranoid is ${level}, and 2 at most is needed`;
      return new CommandError('missing', `perf may not sample these processes${why}, or root`);
    }
    return new CommandError('missing', `perf does not record: ${printable(lastLine(this.said)) || 'it has ended'}`);
  }
}

function eventsOf({ events, frequency }: Recorded): readonly string[] {
  // What the kernel does for a process, only root may see.
  const time = process.getuid?.() === 0 ? 'cpu-clock' : 'cpu-clock:u';
  return events ?? ['-e', time, '-F', String(frequency)];
}

function unnamedFile(): number {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-flame-'));
  try {
    return openSync(join(folder, 'perf.data'), 'wx+', 0o600);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readParanoid(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/perf_event_paranoid', 'utf8').trim();
  } catch {
    return undefined;
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
