// Who has attached to the probes of an object. A process shows that a probe is traced, and not by
// whom, so this asks the kernel and bpftool.
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { readLink, readText } from '../discovery/files.js';
import { commandOf } from '../discovery/processes.js';
import type { TracedObject } from '../model.js';

/** Those that are known to have attached to an object, in words. */
export function tracersOf(object: TracedObject): string[] {
  return [...new Set([...uprobeEvents(object), ...programs(object)])];
}

/** Processes that could have attached: they hold perf events or links of BPF programs. */
export function possibleTracers(): string[] {
  return pids()
    .filter((pid) => descriptorsOf(pid).some((target) => /^anon_inode:(\[perf_event\]|bpf_link|bpf-link)/.test(target)))
    .map(named);
}

/** The process that a debugger is, as `gdb (process 4711)`. */
export function named(pid: number): string {
  const name = readText(`/proc/${pid}/comm`) ?? commandOf(pid)[0] ?? '?';
  return `${name} (process ${pid})`;
}

/** Events that perf, sonde itself or a person have defined. */
function uprobeEvents(object: TracedObject): string[] {
  const text = readText('/sys/kernel/tracing/uprobe_events') ?? '';
  return text.split('\n').flatMap((line) => {
    const [, group, event, path] = /^[pr]:([^/]+)\/(\S+) (.+):0x[0-9a-f]+/.exec(line) ?? [];
    if (path === undefined || !isSame(path, object)) return [];
    const pid = /^sonde_(\d+)_/.exec(group!)?.[1];
    return pid === undefined ? `the event ${group}:${event} of the kernel's tracer` : `sonde (process ${pid})`;
  });
}

/** What bpftool knows of BPF programs that are attached to uprobes. */
function programs(object: TracedObject): string[] {
  let told: unknown;
  try {
    told = JSON.parse(
      execFileSync('bpftool', ['perf', 'show', '--json'], {
        encoding: 'utf8',
        timeout: 5000,
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
  } catch {
    // It is not installed, or not allowed.
    return [];
  }
  if (!Array.isArray(told)) return [];
  return told.flatMap(({ pid, filename }) =>
    typeof filename === 'string' && typeof pid === 'number' && isSame(filename, object) ? named(pid) : [],
  );
}

function isSame(path: string, object: TracedObject): boolean {
  try {
    const [one, other] = [path, object.path].map((each) => statSync(each, { bigint: true }));
    return one!.ino === other!.ino && one!.dev === other!.dev;
  } catch {
    return false;
  }
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((name) => readLink(`/proc/${pid}/fd/${name}`) ?? '');
  } catch {
    return [];
  }
}
