// The processes that have probes, by what DTrace lists and ps shows: where there is no /proc as Linux
// has it, and for probes that no file holds.
import { spawnSync } from 'node:child_process';
import { ENVIRONMENT } from '../../engines/dtrace/environment.js';
import { reasonOf } from '../../engines/dtrace/said.js';
import { CommandError } from '../../error.js';
import type { TracedProcess } from '../../model.js';
import { printable } from '../../output/escape.js';
import { exists } from '../alive.js';
import { findProbes, type Probes } from '../find.js';
import { type Followed, type Following, follow } from '../follow.js';
import type { Target } from '../target.js';
import { parseListed } from './listed.js';

/** Much is listed, and by a process of its own: from one look to the next. */
const LOOK_MS = 10_000;

/** As findProbes, which finds the rest on Linux: objects with SDT notes. @throws {CommandError} if dtrace does not list */
export function findProbesByDtrace(target?: Target): Probes {
  const pid = target?.pid;
  if (pid !== undefined && !exists(pid)) throw new CommandError('nothing', `there is no process ${pid}`);
  if (process.platform !== 'linux') return listed(target);
  const noted = withNotes(findProbes(target));
  // A program has one backend, and its probes are either in files or told to DTrace.
  if (pid !== undefined && noted.processes.length > 0) return noted;
  const found = listed(target);
  return {
    ...noted,
    objects: [...found.objects, ...noted.objects],
    processes: [...found.processes, ...noted.processes].sort((a, b) => a.pid - b.pid),
  };
}

/** What DTrace for Linux can trace of what is mapped. */
function withNotes(found: Probes): Probes {
  const objects = found.objects.filter(({ hasNotes }) => hasNotes);
  const processes = found.processes.filter((each) => objects.some((object) => object.processes.includes(each)));
  return { ...found, objects, processes };
}

/** The same as follow. */
export function followByDtrace(
  target: Target | undefined,
  known: { objects: readonly { id: string }[]; pids: readonly number[] },
  onFound: (found: Followed) => void,
): Following {
  const ids = new Set(known.objects.map(({ id }) => id));
  const pids = new Set(known.pids);
  const following = process.platform === 'linux' ? followNotes(target, known, onFound) : undefined;
  // DTrace itself finds what comes later of one process, and of all.
  const isSeen = target === undefined || target.pid !== undefined;
  const timer = isSeen ? undefined : setInterval(look, LOOK_MS);
  return {
    stop() {
      following?.stop();
      clearInterval(timer);
    },
  };

  function look(): void {
    try {
      const found = listed(target);
      const objects = found.objects.filter(({ id }) => !ids.has(id));
      const newPids = found.processes.map(({ pid }) => pid).filter((pid) => !pids.has(pid));
      for (const { id } of objects) ids.add(id);
      for (const pid of newPids) pids.add(pid);
      if (objects.length > 0) onFound({ objects, pids: newPids });
    } catch {
      // It is looked for again.
    }
  }
}

function followNotes(
  target: Target | undefined,
  known: { objects: readonly { id: string }[]; pids: readonly number[] },
  onFound: (found: Followed) => void,
): Following {
  return follow(target, known, ({ objects, pids }) =>
    onFound({ objects: objects.filter(({ hasNotes }) => hasNotes), pids }),
  );
}

function listed(target: Target | undefined): Probes {
  const processes = runningProcesses();
  const providers = parseListed(list(), (pid) => processes.has(pid));
  const found: Probes = { objects: [], processes: [], hidden: 0, unreadable: [] };
  for (const { pid, name, module, probes } of providers) {
    const its = processes.get(pid)!;
    if (!(target?.isMet(its) ?? true)) continue;
    const path = `${name}:${module}`;
    found.objects.push({
      id: path,
      name: path,
      path,
      content: path,
      architecture: undefined,
      hasNotes: false,
      probes,
      processes: [its],
    });
    if (!found.processes.includes(its)) found.processes.push(its);
  }
  found.processes.sort((a, b) => a.pid - b.pid);
  return found;
}

/** DTrace for Linux takes no other pattern for those of all processes. */
const PROVIDERS = '*[0-9]*';

/** Without the libraries of D, whose types no probe of a process needs: it takes half the time. */
function list(): string {
  const { error, stdout, stderr } = spawnSync('dtrace', ['-x', 'nolibs', '-lv', '-P', PROVIDERS], {
    encoding: 'utf8',
    env: ENVIRONMENT,
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new CommandError('missing', isMissing ? 'dtrace is not installed' : `dtrace cannot be run: ${error.message}`);
  }
  const said = stderr
    .split('\n')
    .map((line) => line.trim().replace(/^dtrace: /, ''))
    .filter((line) => line !== '');
  // There are none.
  if (said.some((line) => line.startsWith('failed to match'))) return '';
  if (/^ *ID +PROVIDER /m.test(stdout)) return stdout;
  throw new CommandError('missing', `dtrace does not list: ${printable(reasonOf(said, process.getuid?.() === 0))}`);
}

/** By their ids. */
function runningProcesses(): Map<number, TracedProcess> {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=', '-o', 'uid=', '-o', 'args='], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return parseProcesses(stdout ?? '');
}

/** What ps prints: an id, its user's, and the command, whose arguments it does not tell apart. @internal */
export function parseProcesses(output: string): Map<number, TracedProcess> {
  const processes = new Map<number, TracedProcess>();
  for (const [, pid, uid, command] of output.matchAll(/^ *(\d+) +(\d+) +(.*\S) *$/gm)) {
    processes.set(Number(pid), {
      pid: Number(pid),
      command: command!.split(' '),
      uid: Number(uid),
      container: undefined,
      mappings: new Map(),
    });
  }
  return processes;
}
