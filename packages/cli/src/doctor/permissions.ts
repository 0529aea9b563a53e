// What this process may do.
import type { Finding } from './finding.js';

/** Numbers of <linux/capability.h>, and what each is needed for. */
const CAPABILITIES = {
  CAP_SYS_ADMIN: [21, 'probe objects in memory and in containers can be reached (/proc/PID/map_files)'],
  CAP_PERFMON: [38, 'perf and bpftrace can attach to processes'],
  CAP_BPF: [39, 'bpftrace can load its programs'],
  CAP_SYS_PTRACE: [19, 'processes of other users can be looked into'],
} as const;

export type Capability = keyof typeof CAPABILITIES;

const WITHOUT: Record<Capability, string> = {
  CAP_SYS_ADMIN: 'probe objects in memory and in containers cannot be reached (/proc/PID/map_files)',
  CAP_PERFMON: 'perf and bpftrace cannot attach to probes',
  CAP_BPF: 'bpftrace cannot load its programs',
  CAP_SYS_PTRACE: 'processes of other users cannot be looked into',
};

export interface Permissions {
  uid: number;
  /** Those that count for the whole machine. */
  capabilities: ReadonlySet<Capability>;
  /** Otherwise root is root of a container only. */
  isInitialUserNamespace: boolean;
  hasSeccompFilter: boolean;
}

/**
 * @param status the text of /proc/self/status
 * @param uidMap the text of /proc/self/uid_map
 */
export function readPermissions(status: string, uidMap: string | undefined): Permissions {
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1];
  const bits = BigInt(`0x${field('CapEff') ?? '0'}`);
  // user_namespaces(7): the initial one maps every id to itself.
  const isInitialUserNamespace = /^\s*0\s+0\s+4294967295$/.test(uidMap ?? '0 0 4294967295');
  const has = (name: Capability) => isInitialUserNamespace && ((bits >> BigInt(CAPABILITIES[name][0])) & 1n) === 1n;
  return {
    uid: Number(/^Uid:\s*\d+\s+(\d+)/m.exec(status)?.[1] ?? -1),
    capabilities: new Set(
      capabilityNames().filter(
        // capabilities(7): CAP_SYS_ADMIN includes these two.
        (name) => has(name) || (['CAP_PERFMON', 'CAP_BPF'].includes(name) && has('CAP_SYS_ADMIN')),
      ),
    ),
    isInitialUserNamespace,
    hasSeccompFilter: field('Seccomp') === '2',
  };
}

export function permissionFindings({
  uid,
  capabilities,
  isInitialUserNamespace,
  hasSeccompFilter,
}: Permissions): Finding[] {
  const missing = capabilityNames().length - capabilities.size;
  const remedy = uid === 0 ? 'Start the container with it, or run sonde outside of it' : undefined;
  const findings: Finding[] = [userFinding(uid, isInitialUserNamespace, missing)];
  for (const name of capabilityNames()) {
    const isThere = capabilities.has(name);
    findings.push({
      id: name.toLowerCase(),
      state: isThere ? 'good' : 'bad',
      fact: isThere ? `This process has ${name}` : `This process lacks ${name}`,
      meaning: isThere ? CAPABILITIES[name][1] : WITHOUT[name],
      ...(!isThere && remedy !== undefined && { remedy }),
    });
  }
  if (hasSeccompFilter) {
    findings.push({
      id: 'seccomp',
      state: 'limited',
      fact: 'A seccomp filter limits the system calls of this process',
      meaning: 'it may forbid bpf() and perf_event_open(), as the default filter of Docker does',
      remedy: 'If bpftrace or perf fails with "Operation not permitted", run it outside of the container',
    });
  }
  return findings;
}

function capabilityNames(): Capability[] {
  return Object.keys(CAPABILITIES) as Capability[];
}

function userFinding(uid: number, isInitialUserNamespace: boolean, missing: number): Finding {
  if (!isInitialUserNamespace) {
    return {
      id: 'user',
      state: 'bad',
      fact: `This is user ${uid} of a user namespace`,
      meaning: 'root in it is not root of the machine, and its capabilities do not count for tracing',
      remedy: 'Run sonde as root outside of the container',
    };
  }
  if (uid === 0) return { id: 'user', state: missing === 0 ? 'good' : 'limited', fact: 'This user is root' };
  return {
    id: 'user',
    state: 'limited',
    fact: `This user is ${uid}, not root`,
    meaning: 'the tracers of the kernel need root',
    remedy: 'Run: sudo sonde doctor',
  };
}
