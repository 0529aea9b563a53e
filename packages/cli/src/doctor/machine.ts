// What can be said of this machine and this user.
import { release } from 'node:os';
import { readText } from '../discovery/files.js';
import type { Section } from './finding.js';
import { folderFindings, objectFolders } from './folder.js';
import { bpfFindings, lockdownFinding, perfFinding, ptraceFinding, tracefsFindings, uprobesFinding } from './kernel.js';
import { parseMounts } from './mounts.js';
import { namespaceFindings } from './namespaces.js';
import { permissionFindings, readPermissions } from './permissions.js';
import type { Circumstances } from './subcommands.js';
import { askTool, TOOLS, type Tool, toolFindings } from './tools.js';

export async function examineMachine(): Promise<{ sections: Section[]; circumstances: Circumstances }> {
  const asking = Promise.all(TOOLS.map((tool) => askTool(tool)));
  const mounts = parseMounts(readText('/proc/self/mountinfo') ?? '');
  const permissions = readPermissions(readText('/proc/self/status') ?? '', readText('/proc/self/uid_map'));
  const { uid, capabilities, isInitialUserNamespace } = permissions;
  const tracefs = tracefsFindings(mounts);
  const paranoid = readText('/proc/sys/kernel/perf_event_paranoid');
  const ptrace = ptraceFinding(readText('/proc/sys/kernel/yama/ptrace_scope'), permissions);
  const kernel = [
    ...tracefs.findings,
    uprobesFinding(),
    ...bpfFindings(permissions),
    lockdownFinding(
      readText('/sys/kernel/security/lockdown'),
      mounts.some(({ type }) => type === 'securityfs'),
    ),
    perfFinding(paranoid, permissions),
    ptrace,
  ];
  const asked = await asking;
  const isThere = (tool: Tool) => asked[TOOLS.indexOf(tool)]?.hasFailed === false;
  return {
    sections: [
      { title: 'Permissions', findings: permissionFindings(permissions) },
      { title: `Kernel ${release()}`, findings: kernel },
      { title: 'Namespaces', findings: namespaceFindings(mounts) },
      { title: 'Probe objects', findings: folderFindings(objectFolders(process.env, uid), mounts, uid) },
      { title: 'Tools', findings: TOOLS.flatMap((tool, index) => toolFindings(tool, asked[index], release())) },
    ],
    circumstances: {
      isRoot: uid === 0 && isInitialUserNamespace,
      canTrace: tracefs.canTrace,
      canSeeOthers: capabilities.has('CAP_SYS_PTRACE') && isInitialUserNamespace,
      hasBpftrace: isThere('bpftrace'),
      hasPerf: isThere('perf'),
      hasGdb: isThere('gdb'),
      canDebug: ptrace.state === 'good',
      canSample: paranoid !== undefined && (capabilities.has('CAP_PERFMON') || Number(paranoid) <= 2),
    },
  };
}
