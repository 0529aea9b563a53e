// What can be said of a process from outside: whether it has sonde, why its probes are where they
// are, and who traces it.
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readNotes } from '@sonde/elf';
import { tracedIn } from '../discovery/enabled.js';
import { readLink, readText } from '../discovery/files.js';
import { findProbes } from '../discovery/find.js';
import { allPids, describeProcess, findMapped, isProbeObject, type MappedFile } from '../discovery/processes.js';
import { nobody, parseTarget } from '../discovery/target.js';
import { CommandError } from '../error.js';
import { fullName, type TracedObject, type TracedProcess } from '../model.js';
import type { Finding, Section } from './finding.js';
import { folderFindings, objectFolders } from './folder.js';
import { parseMounts } from './mounts.js';
import { BACKENDS, programSettings, type Requested, requestedBackend, settingFindings } from './program-settings.js';
import { named, possibleTracers, tracersOf } from './tracers.js';

/** So many processes are examined; nobody reads more. */
const MOST_PROCESSES = 5;

export interface Examined {
  sections: Section[];
  /** Whether one of the processes has probes. */
  hasProbes: boolean;
}

/** @throws {CommandError} if there is no such process */
export function examineTarget(text: string): Examined {
  const meant = processesOf(text);
  const sections = meant.slice(0, MOST_PROCESSES).map(examine);
  if (meant.length > MOST_PROCESSES) {
    const names = meant.slice(MOST_PROCESSES).map(({ pid }) => pid);
    sections.push({
      section: {
        title: 'More processes',
        findings: [
          {
            id: 'more',
            state: 'limited',
            fact: `${names.length} more processes match: ${names.slice(0, 20).join(', ')}`,
            remedy: 'Give the pid of one',
          },
        ],
      },
      hasProbes: false,
    });
  }
  return { sections: sections.map(({ section }) => section), hasProbes: sections.some(({ hasProbes }) => hasProbes) };
}

/**
 * Those with a JavaScript runtime first, and others only where there is none.
 *
 * @throws {CommandError} if there is no such process
 */
export function processesOf(text: string): TracedProcess[] {
  const target = parseTarget(text);
  const own = ancestors();
  const all = allPids()
    .filter((pid) => !own.has(pid) || String(pid) === text)
    .flatMap((pid) => describeProcess(pid) ?? [])
    .filter((each) => each.command.join('') !== '' && target.isMet(each));
  if (all.length === 0) {
    const isThere = target.pid !== undefined && readText(`/proc/${target.pid}/status`) !== undefined;
    const what = isThere
      ? `process ${text} has no command line: it has ended, or is one of the kernel's own`
      : target.pid !== undefined
        ? `there is no process ${text}`
        : nobody(target);
    throw new CommandError('nothing', `${what}; give the pid or a part of the command line of a process that runs`);
  }
  const runtimes = all.filter(({ pid, command }) => isRuntime(runtimeOf(pid, command)));
  return runtimes.length > 0 ? runtimes : all;
}

/** This process and those that started it, which have the target on their command line, too. */
function ancestors(): Set<number> {
  const found = new Set<number>();
  for (let pid = process.pid; pid > 0 && !found.has(pid); ) {
    found.add(pid);
    pid = Number(/^PPid:\s*(\d+)/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1] ?? 0);
  }
  return found;
}

function examine(target: TracedProcess): { section: Section; hasProbes: boolean } {
  const { pid, command } = target;
  const section: Section = { title: `Process ${pid}: ${shorten(command.join(' '))}`, findings: [] };
  const { findings } = section;
  findings.push(userFinding(target), ...namespaceFindings(target), ...debuggerFindings(pid));
  const { files, hidden } = findMapped(() => true, [pid]);
  if (hidden > 0) {
    findings.push({
      id: 'maps',
      state: 'bad',
      fact: 'Its memory map cannot be read by this user',
      meaning: 'whether it has probes is not known',
      remedy: `Run sonde as root${target.uid === process.geteuid!() ? '' : `, or as user ${target.uid}`}`,
    });
    return { section, hasProbes: false };
  }
  const runtime = runtimeOf(pid, command);
  findings.push(
    isRuntime(runtime)
      ? { id: 'runtime', state: 'good', fact: `It runs ${runtime}` }
      : {
          id: 'runtime',
          state: 'limited',
          fact: `It runs ${runtime}, which is neither node nor deno nor bun`,
          meaning: 'only a single executable or Electron has sonde then',
        },
  );
  const settings = programSettings(command, readText(`/proc/${pid}/environ`));
  const addon = files.find(({ path }) => isAddon(path));
  const requested = requestedBackend(pid, settings, addon?.path);
  const { objects } = findProbes(parseTarget(String(pid)));
  const unread = files.filter(({ id, path }) => isProbeObject(path) && !objects.some((object) => object.id === id));
  const hasProbes = objects.length + unread.length > 0;
  const said = settingFindings(settings, requested).map((finding) =>
    // It has probes in spite of that, by another copy of sonde or in another thread.
    finding.state === 'bad' && hasProbes ? { ...finding, state: 'limited' as const } : finding,
  );
  findings.push(...said);
  const isExplained = said.some(({ state }) => state === 'bad');
  findings.push(addonFinding(pid, addon, hasProbes, isExplained, runtime));
  if (!addon && !hasProbes) return { section, hasProbes: false };
  if (objects.length > 0 || unread.length === 0) findings.push(backendFinding(objects, requested));
  if (settings.environment) {
    const mounts = parseMounts(readText(`/proc/${pid}/mountinfo`) ?? '');
    const folders = objectFolders(settings.environment, target.uid);
    findings.push(...folderFindings(folders, mounts, target.uid, `/proc/${pid}/root`));
  }
  for (const object of objects) findings.push(...objectFindings(object, files));
  for (const { path } of unread) {
    findings.push({
      id: 'object-unread',
      state: 'limited',
      fact: `Its probe object ${path} cannot be read by this user`,
      meaning: 'only root reaches objects in memory, and those whose path tools misread',
      remedy: 'Run sonde as root',
    });
  }
  return { section, hasProbes };
}

function userFinding({ uid }: TracedProcess): Finding {
  const own = process.geteuid!();
  const id = 'user';
  if (uid === own) return { id, state: 'good', fact: `It is a process of this user (${uid})` };
  if (own === 0) return { id, state: 'good', fact: `It is a process of user ${uid}`, meaning: 'root can trace it' };
  return {
    id,
    state: 'bad',
    fact: `It is a process of user ${uid}, and this is user ${own}`,
    meaning: 'only root and its user can look into it',
    remedy: 'Run sonde as root',
  };
}

function namespaceFindings({ pid, container }: TracedProcess): Finding[] {
  const differs = (name: string) => {
    const [own, its] = ['self', pid].map((each) => readLink(`/proc/${each}/ns/${name}`));
    return its === undefined || own === undefined ? undefined : own !== its;
  };
  const findings: Finding[] = [];
  if (differs('pid') === undefined) {
    return [{ id: 'namespaces', state: 'limited', fact: 'Its namespaces cannot be read by this user' }];
  }
  if (differs('pid')) {
    const inner = /^NSpid:.*\s(\d+)$/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1];
    findings.push({
      id: 'pid-namespace',
      state: 'good',
      fact: `It is in another pid namespace, where it has the pid ${inner ?? 'that is not known'}`,
      meaning: `tools on this side know it as ${pid}, and paths with its own pid mean another process here`,
    });
  }
  if (differs('mnt')) {
    findings.push({
      id: 'mount-namespace',
      state: 'good',
      fact: `It has other mounts than this process${container === undefined ? '' : ` (${container})`}`,
      meaning: `its files are at /proc/${pid}/root`,
    });
  }
  if (differs('user')) {
    findings.push({
      id: 'user-namespace',
      state: 'good',
      fact: 'It is in another user namespace',
      meaning: 'root in it is another user here',
    });
  }
  if (findings.length === 0)
    findings.push({ id: 'namespaces', state: 'good', fact: 'It is in the namespaces of this process' });
  return findings;
}

/** A process has one debugger at a time. */
function debuggerFindings(pid: number): Finding[] {
  const tracer = Number(/^TracerPid:\s*(\d+)/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1] ?? 0);
  if (tracer === 0) return [];
  return [
    {
      id: 'debugger',
      state: 'limited',
      fact: `${named(tracer)} is attached to it as a debugger`,
      meaning: 'no other debugger can attach, and it may have stopped the process',
    },
  ];
}

/** The base name of what it executes. */
function runtimeOf(pid: number, command: readonly string[]): string {
  const path = readLink(`/proc/${pid}/exe`) ?? command[0] ?? '';
  return basename(path.replace(/ \(deleted\)$/, ''));
}

function isRuntime(name: string): boolean {
  return /^(node|nodejs|deno|bun)\b/.test(name);
}

/** That of @sonde/native, as node-gyp and prebuildify call it. */
function isAddon(path: string): boolean {
  return /\/(?:sonde|@sonde\+native[\w.]*)\.node(?: \(deleted\))?$/.test(path);
}

function addonFinding(
  pid: number,
  addon: MappedFile | undefined,
  hasObjects: boolean,
  isExplained: boolean,
  runtime: string,
): Finding {
  const id = 'sonde';
  if (!addon) {
    if (hasObjects)
      return { id, state: 'good', fact: 'It has probe objects, by an addon of another name than sonde has' };
    return {
      id,
      state: 'bad',
      fact: 'It has not loaded the addon of sonde',
      meaning: isExplained
        ? 'the settings above explain it'
        : 'it does not use sonde, has not defined probes yet, or cannot load the addon',
      ...(!isExplained && {
        remedy: `${/^node/.test(runtime) ? `To load @sonde/node while it runs: sonde attach ${pid}. ` : ''}If the program uses sonde, status() has the reason`,
      }),
    };
  }
  const version = versionOf(pid, addon.path);
  const where = addon.path.replace(/ \(deleted\)$/, '');
  if (where !== addon.path) {
    return {
      id,
      state: 'limited',
      fact: `It has the addon of sonde from ${where}, which was removed or replaced since`,
      meaning: 'it goes on with what it has loaded',
    };
  }
  return { id, state: 'good', fact: `It has sonde ${version ?? 'of a version that is not known'} (${where})` };
}

/** The package.json of @sonde/native lies above its addon. */
function versionOf(pid: number, addon: string): string | undefined {
  for (let folder = dirname(addon); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const { name, version } = JSON.parse(readText(`/proc/${pid}/root${join(folder, 'package.json')}`)!);
      return name === '@sonde/native' && typeof version === 'string' ? version : undefined;
    } catch {
      // There is none, or it is no JSON: the next one follows.
    }
  }
  return undefined;
}

function backendFinding(objects: readonly TracedObject[], requested: Requested | undefined): Finding {
  const id = 'backend';
  const isMeant = requested && requested.backend !== 'auto' && BACKENDS.includes(requested.backend);
  const asked = isMeant ? requested : undefined;
  if (objects.length === 0 && asked?.backend === 'dtrace') {
    return {
      id,
      state: 'limited',
      fact: `The backend dtrace was asked for by ${asked.place}`,
      meaning: 'it has no probe objects, and its probes are where DTrace lists them',
      remedy: 'Run: dtrace -l',
    };
  }
  if (objects.length === 0) {
    return {
      id,
      state: 'bad',
      fact: 'It has no probe objects',
      meaning: 'it has defined no provider yet, or no backend can run there',
      remedy: 'In the program, status() of sonde has the reason',
    };
  }
  const running = backendOf(objects[0]!);
  if (running === undefined)
    return { id, state: 'limited', fact: 'Which backend runs is not known: its objects cannot be read' };
  const fact = `The backend ${running} runs`;
  if (!asked) {
    return running === 'systemtap'
      ? { id, state: 'good', fact, meaning: 'it is the default on Linux' }
      : { id, state: 'good', fact, meaning: 'the program asked for it while it ran, or its environment is not known' };
  }
  if (asked.backend === running) return { id, state: 'good', fact, meaning: `it was asked for by ${asked.place}` };
  return {
    id,
    state: 'limited',
    fact,
    meaning: `though ${asked.place} asks for ${asked.backend}`,
    remedy: 'In the program, status() of sonde has the reason',
  };
}

/** Only objects of the systemtap backend have SDT notes. */
function backendOf({ path }: TracedObject): 'systemtap' | 'ebpf' | undefined {
  try {
    return readNotes(readFileSync(path)).length > 0 ? 'systemtap' : 'ebpf';
  } catch {
    return undefined;
  }
}

function objectFindings(object: TracedObject, files: readonly MappedFile[]): Finding[] {
  const file = files.find(({ id }) => id === object.id)!;
  const isInMemory = file.path.startsWith('/memfd:');
  const isDeleted = !isInMemory && file.path.endsWith(' (deleted)');
  const path = file.path.replace(/ \(deleted\)$/, '');
  const providers = [...new Set(object.probes.map(({ provider }) => provider))].join(', ');
  const number = object.probes.length;
  const what = providers;
  const all =
    number === 0
      ? `The object ${object.name} is`
      : `The ${number === 1 ? 'probe' : `${number} probes`} of ${what} ${number === 1 ? 'is' : 'are'}`;
  const findings: Finding[] = [];
  if (isInMemory) {
    findings.push({
      id: 'object',
      state: 'limited',
      fact: `${all} in memory (${path})`,
      meaning: 'each process has to be traced by itself, and perf cannot trace them',
      remedy: 'Give the program a SONDE_DIR on a file system that can be written, without noexec',
    });
  } else if (isDeleted) {
    findings.push({
      id: 'object',
      state: 'limited',
      fact: `${all} in ${path}, which was removed or replaced since`,
      meaning: 'only root can trace them, through /proc/PID/map_files, and new processes have another object',
      remedy: 'Restart the program, with a SONDE_DIR that nobody cleans up',
    });
  } else {
    findings.push({ id: 'object', state: 'good', fact: `${all} in ${path}` });
    findings.push(...newestFinding(object, path));
  }
  if (number > 0) findings.push(...tracedFindings(object, what));
  return findings;
}

/** Tools that were given the link attach to the newest definition only. */
function newestFinding(object: TracedObject, path: string): Finding[] {
  const pid = object.processes[0]!.pid;
  const link = path.replace(/-[0-9a-f]{40}\.so$/, '.so');
  const newest = readLink(`/proc/${pid}/root${link}`);
  if (newest === undefined || newest === basename(path)) return [];
  return [
    {
      id: 'newest',
      state: 'limited',
      fact: `${link} leads to another definition (${newest})`,
      meaning: 'a tool that was given that link does not see this process',
      remedy: `Give tools ${path}`,
    },
  ];
}

function tracedFindings(object: TracedObject, what: string): Finding[] {
  const [target] = object.processes;
  const traced = tracedIn(target!, object);
  const id = 'traced';
  if (!traced) {
    return [
      {
        id,
        state: 'limited',
        fact: `Whether ${what} is traced cannot be read by this user`,
        remedy: 'Run sonde as root',
      },
    ];
  }
  const tracers = tracersOf(object);
  if (traced.size === 0) {
    if (tracers.length === 0) return [{ id, state: 'good', fact: `Nobody traces ${what} in it now` }];
    return [
      {
        id,
        state: 'good',
        fact: `No probe of ${what} is enabled in it, though there is ${tracers.join(', ')} on its file`,
      },
    ];
  }
  const names = [...traced].map(fullName);
  const some = `${names.slice(0, 6).join(', ')}${names.length > 6 ? `, and ${names.length - 6} more` : ''}`;
  if (tracers.length > 0) return [{ id, state: 'good', fact: `${some} traced by ${tracers.join(', ')}` }];
  const possible = possibleTracers();
  return [
    {
      id,
      state: 'good',
      fact: `${some} traced, by whom is not known`,
      ...(possible.length > 0 && { meaning: `these could be it: ${possible.join(', ')}` }),
    },
  ];
}

function shorten(text: string): string {
  return text.length <= 70 ? text : `${text.slice(0, 69)}…`;
}
