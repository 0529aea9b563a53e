// Which tracers are installed, in which version, and what is known to be wrong with that version.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Finding } from './finding.js';

export const TOOLS = ['bpftrace', 'perf', 'gdb', 'stap', 'dtrace', 'bpftool'] as const;

export type Tool = (typeof TOOLS)[number];

/** What each prints its version for. */
const VERSION_OPTION: Record<Tool, string> = {
  bpftrace: '--version',
  perf: '--version',
  gdb: '--version',
  stap: '--version',
  dtrace: '-V',
  bpftool: 'version',
};

const PURPOSE: Record<Tool, string> = {
  bpftrace: 'it aggregates in the kernel, and is the tool for scripts of your own',
  perf: 'it samples what a process does, for flame graphs',
  gdb: 'it traces processes of the same user without root',
  stap: 'SystemTap is a tracer with scripts of its own; no subcommand needs it',
  dtrace: 'DTrace is a tracer with scripts of its own; no subcommand needs it on Linux',
  bpftool: 'it shows which process has attached a BPF program to a probe',
};

/** Debian's names. */
const PACKAGES: Partial<Record<Tool, string>> = {
  bpftrace: 'bpftrace',
  perf: 'linux-perf',
  gdb: 'gdb',
  stap: 'systemtap',
  bpftool: 'bpftool',
};

/**
 * What is known to be wrong up to a version, each seen with that version; docs/tracing.md has the
 * details.
 */
const FAULTS: readonly { tool: Tool; upTo: string; id: string; fault: string; remedy?: string }[] = [
  {
    tool: 'bpftrace',
    upTo: '0.17',
    id: 'arguments',
    fault: 'reads six arguments of a USDT probe',
    remedy: 'In a script, *(uint64 *)(reg("sp") + 8) is the seventh on x86-64',
  },
  {
    tool: 'bpftrace',
    upTo: '0.17',
    id: 'text-length',
    fault: 'cuts texts to 64 bytes',
    remedy: 'Set BPFTRACE_STRLEN, which may be 200 at most; several texts in one action take less',
  },
  {
    tool: 'bpftrace',
    upTo: '0.17',
    id: 'map-keys',
    fault: 'drops keys of a map beyond 4,096 without a message',
    remedy: 'Set BPFTRACE_MAP_KEYS_MAX',
  },
  {
    tool: 'bpftrace',
    upTo: '0.17',
    id: 'json',
    fault: 'writes bytes of 0x80 and above into JSON as \\uffffffc3, and joins the parts of a key by commas',
  },
  {
    tool: 'bpftrace',
    upTo: '0.23',
    id: 'unsigned',
    fault: 'takes arguments for unsigned in maps and comparisons',
    remedy: 'In a script, cast them: (int64)arg1',
  },
  {
    tool: 'perf',
    upTo: '6.1',
    id: 'unsigned',
    fault: 'prints negative int8 and int16 as unsigned (perf script)',
    remedy: 'Give such an argument a wider type: level:s32',
  },
  { tool: 'stap', upTo: '4.8', id: 'overlay', fault: 'does not find files on an overlay, as those of a container' },
  {
    tool: 'dtrace',
    upTo: '2.0.7',
    id: 'arguments',
    fault: 'refuses args[10] and beyond, and copyinstr(args[0])',
    remedy: 'In a script, use copyinstr(arg0)',
  },
  {
    tool: 'dtrace',
    upTo: '2.0.7',
    id: 'empty-texts',
    fault: 'takes the address of an empty text for an invalid one in copyinstr(), and drops the event',
    remedy: 'In a script, look at its first byte before: *(char *)copyin(arg0, 1) == 0 ? "" : copyinstr(arg0)',
  },
  {
    tool: 'dtrace',
    upTo: '2.0.7',
    id: 'strlen',
    fault: 'counts wrongly in aggregations of a script that calls strlen()',
    remedy: 'Have no strlen() in it',
  },
];

/** What holds for each version. */
const ALWAYS: Partial<Record<Tool, string>> = {
  gdb: 'it stops the process at each probe, for some milliseconds',
};

/** What a tool printed when it was asked for its version; undefined if it is not installed. */
export interface Asked {
  output: string;
  hasFailed: boolean;
}

export async function askTool(tool: Tool): Promise<Asked | undefined> {
  try {
    const { stdout, stderr } = await promisify(execFile)(tool, [VERSION_OPTION[tool]], { timeout: 5000 });
    return { output: `${stdout}${stderr}`, hasFailed: false };
  } catch (error) {
    const { code, stdout, stderr, message } = error as Error & { code?: unknown; stdout?: string; stderr?: string };
    if (code === 'ENOENT') return undefined;
    return { output: `${stdout ?? ''}${stderr ?? ''}` || message, hasFailed: true };
  }
}

/** @param kernel its release, as os.release() gives it */
export function toolFindings(tool: Tool, asked: Asked | undefined, kernel: string): Finding[] {
  if (asked === undefined) return [missing(tool)];
  // A script of this name comes with SystemTap: it only makes headers.
  if (tool === 'dtrace' && /\[-h \| -G\]/.test(asked.output)) {
    return [
      {
        id: tool,
        state: 'limited',
        fact: 'dtrace is the script of SystemTap that makes C headers, not DTrace',
        meaning: PURPOSE[tool],
      },
    ];
  }
  const version = versionOf(tool, asked.output);
  if (asked.hasFailed || version === undefined) {
    const said = asked.output.split('\n').find((line) => line.trim() !== '') ?? 'it printed nothing';
    return [{ id: tool, state: 'bad', fact: `${tool} cannot run: ${said.trim()}`, remedy: installing(tool) }];
  }
  const faults = FAULTS.filter((fault) => fault.tool === tool && isUpTo(version, fault.upTo));
  return [
    { id: tool, state: 'good', fact: `${tool} ${version} is installed`, meaning: ALWAYS[tool] ?? PURPOSE[tool] },
    ...faults.map(
      ({ id, fault, remedy }): Finding => ({
        id: `${tool}-${id}`,
        state: 'limited',
        fact: `${tool} ${version} ${fault}`,
        ...(remedy !== undefined && { remedy }),
      }),
    ),
    ...(tool === 'stap' ? systemtapFindings(asked.output, kernel) : []),
    ...(tool === 'dtrace' && !existsSync('/dev/dtrace/helper')
      ? [
          {
            id: 'dtprobed',
            state: 'limited',
            fact: '/dev/dtrace/helper is not there',
            meaning: 'programs with the dtrace backend cannot hand over their probes',
            remedy: 'Start dtprobed before them',
          } as const,
        ]
      : []),
  ];
}

function missing(tool: Tool): Finding {
  return {
    id: tool,
    state: 'limited',
    fact: `${tool} is not installed, or not in PATH`,
    meaning: PURPOSE[tool],
    remedy: installing(tool),
  };
}

function installing(tool: Tool): string {
  const name = PACKAGES[tool];
  return name === undefined ? 'DTrace for Linux is not in Debian' : `Install it (in Debian: apt install ${name})`;
}

function versionOf(tool: Tool, output: string): string | undefined {
  const [first] = output.split('\n');
  // gdb has the distribution's version before its own. DTrace has the language's in the first line.
  const text = tool === 'dtrace' ? (/This is DTrace ([\d.]+)/.exec(output)?.[1] ?? first!) : first!;
  const all = text.replace(/\([^()]*\)/g, tool === 'gdb' ? '' : '$&').match(/\d+(?:\.\d+)+/g);
  return tool === 'gdb' ? all?.at(-1) : all?.[0];
}

/** Kernel modules are compiled against the kernel's headers. */
function systemtapFindings(output: string, kernel: string): Finding[] {
  const findings: Finding[] = [];
  const newest = /tested kernel versions: .*\.\.\. (\d+\.\d+)/.exec(output)?.[1];
  const [running] = /^\d+\.\d+/.exec(kernel) ?? [];
  if (newest !== undefined && running !== undefined && !isUpTo(running, newest)) {
    findings.push({
      id: 'stap-kernel',
      state: 'limited',
      fact: `This version of stap was tested up to Linux ${newest}, and this is ${running}`,
      meaning: 'its kernel modules may not compile',
    });
  }
  if (!existsSync(`/lib/modules/${kernel}/build`)) {
    findings.push({
      id: 'stap-headers',
      state: 'limited',
      fact: `There are no headers of this kernel (/lib/modules/${kernel}/build)`,
      meaning: 'stap cannot compile kernel modules',
      remedy: `Install them (in Debian: apt install linux-headers-${kernel})`,
    });
  }
  return findings;
}

/** Whether a version is this one or an older one; what it has behind it does not count. */
function isUpTo(version: string, limit: string): boolean {
  const [parts, limits] = [version, limit].map((each) => each.split('.').map(Number));
  const different = limits!.findIndex((part, index) => (parts![index] ?? 0) !== part);
  return different < 0 || (parts![different] ?? 0) < limits![different]!;
}
