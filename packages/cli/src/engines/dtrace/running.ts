// A dtrace at work. It is ended by a shell when this process is gone, however that ended: dtrace itself
// goes on when nobody reads what it prints, and what puts it to death leaves events in Linux's tracer.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as startTimer } from 'node:timers';
import { CommandError } from '../../error.js';
import { printable } from '../../output/escape.js';
import { checkInstalled } from '../installed.js';
import { ENVIRONMENT } from './environment.js';
import { type Printed, RecordReader } from './output.js';
import { parseSaid, reasonOf } from './said.js';

/** From the request to end to the end by force: it may take out many probes. */
const GRACE_MS = 30_000;

/** Its input is a pipe from here, which closes with this process. */
const SHELL = `
trap '' PIPE
exec 3<&0
dtrace "$@" </dev/null 3<&- &
child=$!
{ read -r _ <&3; kill -TERM $child; } >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait $child
status=$?
kill $watcher 2>/dev/null
events=/sys/kernel/tracing/uprobe_events
if [ -w $events ]; then
  sed -n "s/^.:\\(dt_\${child}_[^ ]*\\) .*/-:\\1/p" $events | while read -r event; do echo "$event" >>$events; done 2>/dev/null
fi
exit $status
`;

/** Where it is to be had. */
const FOUND = process.platform === 'linux' ? 'DTrace for Linux 2.0 or later' : undefined;

export function checkDtrace(): void {
  checkInstalled('dtrace', FOUND);
}

/** @param held processes that it is to look into itself, for their SDT notes: DTrace for Linux only */
export function argumentsFor(program: string, held: readonly (number | string)[]): string[] {
  // What another process has, and this one has not, is no error.
  return [...held.flatMap((pid) => ['-p', String(pid)]), '-Z', '-n', program];
}

/** What stands between two fields of what it prints: no text has it. */
export function newSeparator(): string {
  return `<${randomBytes(8).toString('hex')}>`;
}

export interface Lost {
  events: number;
  counts: number;
  unreadable: number;
}

export class RunningDtrace {
  /** It traces. */
  readonly attached: Promise<void>;
  /** It has ended, and all that it printed was given; with the reason, if it was not asked to. */
  readonly ended: Promise<CommandError | undefined>;
  readonly lost: Lost = { events: 0, counts: 0, unreadable: 0 };
  private readonly child: ChildProcess;
  private readonly said: string[] = [];
  private isMissing = false;
  private isLeaving = false;

  /** @param held as {@link argumentsFor} has it */
  constructor(
    program: string,
    separator: string,
    held: readonly (number | string)[],
    onRecord: (record: Printed) => void,
  ) {
    this.child = spawn('sh', ['-c', SHELL, 'sh', ...argumentsFor(program, held)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // Signals of the terminal do not reach it.
      detached: true,
      env: ENVIRONMENT,
    });
    this.child.stdin!.on('error', () => {});
    const exit = new Promise<void>((resolve) => {
      this.child
        .on('exit', (status) => {
          // As a shell says it.
          this.isMissing = status === 127;
          // It does so by itself when the processes that it holds have ended.
          this.isLeaving ||= status === 0;
          resolve();
        })
        .on('error', (error) => {
          this.said.push(error.message);
          resolve();
        });
    });
    const errors = createInterface(this.child.stderr!).on('line', (line) => {
      const said = parseSaid(line);
      if (said.type === 'lost') this.lost[said.what] += said.count;
      else if (said.text !== '') this.said.push(said.text);
    });
    const reader = new RecordReader(separator);
    let begin = () => {};
    const began = new Promise<void>((resolve) => {
      begin = resolve;
    });
    this.child.stdout!.setEncoding('latin1').on('data', (piece: string) => {
      for (const record of reader.read(piece)) {
        onRecord(record);
        if (record.type === 'begin') begin();
      }
    });
    const closed = Promise.all([exit, once(errors, 'close'), once(this.child.stdout!, 'close')]);
    this.ended = closed.then(() => (this.isLeaving ? undefined : this.reason()));
    this.attached = Promise.race([
      began,
      closed.then(() => {
        throw this.reason();
      }),
    ]);
    this.attached.catch(() => {});
  }

  async stop(): Promise<void> {
    this.isLeaving = true;
    this.child.stdin!.end();
    const late = startTimer(() => killGroup(this.child.pid), GRACE_MS);
    await this.ended;
    clearTimeout(late);
  }

  private reason(): CommandError {
    if (this.isMissing)
      return new CommandError('missing', `dtrace is not installed${FOUND === undefined ? '' : ` (${FOUND})`}`);
    return new CommandError(
      'missing',
      `dtrace does not trace: ${printable(reasonOf(this.said, process.getuid?.() === 0))}`,
    );
  }
}

/** The shell's. */
function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
