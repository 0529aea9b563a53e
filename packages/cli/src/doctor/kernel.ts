// What the kernel of this machine offers tracers, and what it forbids them.
import { existsSync, readdirSync } from 'node:fs';
import { errorOfOpening, readText } from '../discovery/files.js';
import type { Finding } from './finding.js';
import type { Mount } from './mounts.js';
import type { Permissions } from './permissions.js';

/** Where sonde looks for tracefs. The second is a part of debugfs, which older systems mount. */
const TRACEFS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

const MOUNT_TRACEFS = `As root: mount -t tracefs nodev ${TRACEFS[0]}`;

/** Whether uprobe events can be made, and everything that has to do with tracefs. */
export function tracefsFindings(mounts: readonly Mount[]): { canTrace: boolean; findings: Finding[] } {
  const place = TRACEFS.find((path) => mounts.some((mount) => mount.type === 'tracefs' && mount.place === path));
  if (place === undefined) {
    const elsewhere = mounts.find(({ type }) => type === 'tracefs')?.place;
    const isKnown = readText('/proc/filesystems')?.includes('tracefs') ?? true;
    return {
      canTrace: false,
      findings: [
        {
          id: 'tracefs',
          state: 'bad',
          fact:
            elsewhere === undefined
              ? 'tracefs is not mounted'
              : `tracefs is mounted at ${elsewhere} and not where tools look`,
          meaning: 'no tool can make uprobe events',
          remedy: isKnown
            ? MOUNT_TRACEFS
            : 'This kernel has no tracefs: it needs CONFIG_TRACING and CONFIG_UPROBE_EVENTS',
        },
      ],
    };
  }
  const findings: Finding[] = [{ id: 'tracefs', state: 'good', fact: `tracefs is mounted at ${place}` }];
  if (!isReadable(place)) {
    findings.push({
      id: 'tracefs-readable',
      state: 'bad',
      fact: `${place} cannot be read by this user`,
      meaning: 'this user cannot make uprobe events',
      remedy: 'Run sonde as root',
    });
    return { canTrace: false, findings };
  }
  findings.push({ id: 'tracefs-readable', state: 'good', fact: `${place} can be read` });
  const events = `${place}/uprobe_events`;
  if (!existsSync(events)) {
    findings.push({
      id: 'uprobe-events',
      state: 'bad',
      fact: `${events} is not there`,
      meaning: 'the kernel has no uprobe events',
      remedy: 'Use a kernel with CONFIG_UPROBE_EVENTS',
    });
    return { canTrace: false, findings };
  }
  const error = errorOfOpening(events, 'a');
  findings.push(
    error === undefined
      ? { id: 'uprobe-events', state: 'good', fact: `${events} can be written`, meaning: 'probes can be traced' }
      : {
          id: 'uprobe-events',
          state: 'bad',
          fact: `${events} cannot be written (${error})`,
          meaning: 'this user cannot make uprobe events',
          remedy: REMEDIES[error] ?? 'Run sonde as root',
        },
  );
  findings.push(userEventsFinding(place));
  return { canTrace: error === undefined, findings };
}

const REMEDIES: Record<string, string> = {
  EROFS:
    'It is mounted read-only, as containers have it: run sonde outside of the container, or as root mount tracefs anew',
  EPERM: 'The kernel is locked down, or a security module forbids it: see the line about lockdown',
};

function isReadable(folder: string): boolean {
  try {
    readdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

/** What the ebpf backend can have besides uprobes. */
function userEventsFinding(tracefs: string): Finding {
  const file = `${tracefs}/user_events_data`;
  const id = 'user-events';
  if (!existsSync(file)) {
    return {
      id,
      state: 'limited',
      fact: 'The kernel has no user events',
      meaning: 'the ebpf backend has uprobes only, and all other backends lack nothing',
      remedy: 'They come with Linux 6.4 or newer and CONFIG_USER_EVENTS',
    };
  }
  const error = errorOfOpening(file, 'a');
  if (error === undefined) return { id, state: 'good', fact: 'User events can be registered by this user' };
  return {
    id,
    state: 'limited',
    fact: `${file} cannot be written (${error})`,
    meaning: 'programs of this user have no user events with the ebpf backend',
  };
}

export function uprobesFinding(): Finding {
  const id = 'uprobes';
  if (existsSync('/sys/bus/event_source/devices/uprobe/type')) {
    return { id, state: 'good', fact: 'The kernel has uprobes', meaning: 'perf and bpftrace can use them' };
  }
  return {
    id,
    state: 'bad',
    fact: 'The kernel offers no uprobes to perf and BPF (/sys/bus/event_source/devices/uprobe is not there)',
    meaning: 'bpftrace and perf cannot attach to probes',
    remedy: 'Use a kernel with CONFIG_UPROBES and CONFIG_PERF_EVENTS, and mount sysfs at /sys',
  };
}

export function bpfFindings({ capabilities }: Permissions): Finding[] {
  const level = readText('/proc/sys/kernel/unprivileged_bpf_disabled');
  const findings: Finding[] = [];
  if (level === undefined) {
    findings.push({
      id: 'bpf',
      state: 'bad',
      fact: 'The kernel has no BPF',
      meaning: 'bpftrace and bcc do not work; sonde trace and perf do',
      remedy: 'Use a kernel with CONFIG_BPF_SYSCALL',
    });
    return findings;
  }
  const mayLoad = capabilities.has('CAP_BPF') && capabilities.has('CAP_PERFMON');
  findings.push({
    id: 'bpf',
    state: mayLoad ? 'good' : 'bad',
    fact: `The kernel has BPF (unprivileged_bpf_disabled is ${level})`,
    meaning: mayLoad
      ? 'this process may load programs for tracing'
      : 'programs for tracing need CAP_BPF and CAP_PERFMON, whatever this setting is',
  });
  const btf = '/sys/kernel/btf/vmlinux';
  findings.push(
    existsSync(btf)
      ? { id: 'btf', state: 'good', fact: `The kernel describes its types (${btf})` }
      : {
          id: 'btf',
          state: 'limited',
          fact: `The kernel does not describe its types (${btf} is not there)`,
          meaning: 'bpftrace needs kernel headers for scripts that use types of the kernel; probes of sonde need none',
          remedy: 'Use a kernel with CONFIG_DEBUG_INFO_BTF',
        },
  );
  return findings;
}

/** @param text of /sys/kernel/security/lockdown: `none [integrity] confidentiality` */
export function lockdownFinding(text: string | undefined, isSecurityfsMounted: boolean): Finding {
  const id = 'lockdown';
  const mode = /\[(\w+)\]/.exec(text ?? '')?.[1];
  switch (mode) {
    case 'none':
      return { id, state: 'good', fact: 'The kernel is not locked down' };
    case 'integrity':
      return {
        id,
        state: 'good',
        fact: 'The kernel is locked down for integrity',
        meaning: 'it allows uprobes and BPF, but no kernel modules without a signature, which SystemTap needs',
      };
    case 'confidentiality':
      return {
        id,
        state: 'bad',
        fact: 'The kernel is locked down for confidentiality',
        meaning: 'it forbids tracefs, perf and BPF to read memory, also to root',
        remedy: 'Boot without lockdown=confidentiality',
      };
    default:
      return isSecurityfsMounted
        ? { id, state: 'good', fact: 'The kernel has no lockdown' }
        : {
            id,
            state: 'good',
            fact: 'No lockdown is known (/sys/kernel/security/lockdown is not there)',
            meaning: 'the kernel has none, or securityfs is not mounted',
          };
  }
}

/** @param text of /proc/sys/kernel/perf_event_paranoid */
export function perfFinding(text: string | undefined, { capabilities }: Permissions): Finding {
  const id = 'perf-event-paranoid';
  if (text === undefined) {
    return {
      id,
      state: 'bad',
      fact: 'The kernel has no perf events',
      meaning: 'perf and bpftrace do not work',
      remedy: 'Use a kernel with CONFIG_PERF_EVENTS',
    };
  }
  const level = Number(text);
  const fact = `perf_event_paranoid is ${level}`;
  if (capabilities.has('CAP_PERFMON')) {
    return { id, state: 'good', fact, meaning: 'it does not limit this process, which has CAP_PERFMON' };
  }
  // Debian and Android have 3, Ubuntu has 4.
  if (level > 2) {
    return {
      id,
      state: 'bad',
      fact,
      meaning: 'this user cannot sample any process',
      remedy: 'As root, to let users sample their own processes: sysctl kernel.perf_event_paranoid=2',
    };
  }
  return {
    id,
    state: level < 0 ? 'good' : 'limited',
    fact,
    meaning:
      level < 0
        ? 'every user can sample every process'
        : `this user can sample ${level < 1 ? 'all processors, and ' : ''}processes of its own${level > 1 ? ', without the kernel' : ''}`,
  };
}

/** @param text of /proc/sys/kernel/yama/ptrace_scope */
export function ptraceFinding(text: string | undefined, { capabilities }: Permissions): Finding {
  const id = 'ptrace-scope';
  if (text === undefined) {
    return { id, state: 'good', fact: 'The kernel has no Yama', meaning: 'gdb can attach to processes of this user' };
  }
  const fact = `ptrace_scope is ${text}`;
  const remedy = 'As root, to allow it: sysctl kernel.yama.ptrace_scope=0';
  if (text === '3') {
    return { id, state: 'bad', fact, meaning: 'nobody can attach a debugger until the next boot' };
  }
  if (text === '0' || capabilities.has('CAP_SYS_PTRACE')) {
    return { id, state: 'good', fact, meaning: 'gdb can attach to the processes that this user may debug' };
  }
  return {
    id,
    state: 'limited',
    fact,
    meaning:
      text === '1' ? 'gdb can only attach to processes that it has started itself' : 'only root can attach a debugger',
    remedy,
  };
}
