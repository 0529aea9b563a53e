// What is set up in tracefs outlives who did it, so something that outlives this process takes it
// down again: a shell that waits for the end of its input, which comes even if this process is
// killed.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

// $1 is where tracefs is mounted, $2 the name of the group of events and of the instance. The
// instance goes first, since its events cannot be removed while they are on. It is busy as long as
// the other process has a buffer open, and an event as long as perf records it.
const CLEAN = `
trap '' INT TERM HUP QUIT PIPE
cat >/dev/null
cd "$1" || exit 1
instance="instances/$2"
tries=0
while [ -d "$instance" ] && [ $tries -lt 100 ]; do
  echo 0 >"$instance/events/enable"
  echo 0 >"$instance/tracing_on"
  rmdir "$instance" && break
  tries=$((tries + 1))
  sleep 0.05
done
while [ -d "events/$2" ] && [ $tries -lt 100 ]; do
  for event in "events/$2"/*/; do
    [ -d "$event" ] || continue
    event=\${event%/}
    echo "-:$2/\${event##*/}" >>uprobe_events
  done
  [ -d "events/$2" ] || break
  tries=$((tries + 1))
  sleep 0.05
done
[ ! -d "$instance" ] && [ ! -d "events/$2" ]
`;

export class Cleaner {
  private readonly shell: ChildProcess;

  /** Must be there before anything is set up. */
  constructor(tracefs: string, group: string) {
    this.shell = spawn('/bin/sh', ['-c', CLEAN, 'sonde-cleanup', tracefs, group], {
      // Signals of the terminal do not reach it.
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
      // Nothing that a user has in his own; it must find cat, rmdir and sleep.
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    this.shell.unref();
    this.shell.stdin!.on('error', () => {});
  }

  /** Takes everything down, and returns whether nothing is left. */
  async clean(): Promise<boolean> {
    this.shell.ref();
    if (this.shell.exitCode === null && this.shell.signalCode === null) {
      const ended = once(this.shell, 'exit');
      this.shell.stdin!.end();
      await ended;
    }
    return this.shell.exitCode === 0;
  }
}
