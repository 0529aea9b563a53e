// How a process was started, and what in it decides about its probes.
import { dirname, join, resolve } from 'node:path';
import { readLink, readText } from '../discovery/files.js';
import type { Finding } from './finding.js';

/** Options of Node.js whose value is the next word. */
const WITH_VALUE = new Set(
  '-r --require --import --loader --experimental-loader -C --conditions --env-file --env-file-if-exists --title --max-http-header-size --icu-data-dir --openssl-config --redirect-warnings --diagnostic-dir --stack-trace-limit'.split(
    ' ',
  ),
);

export const BACKENDS = ['auto', 'dtrace', 'systemtap', 'ebpf', 'noop'];

export interface ProgramSettings {
  /** Options of Node.js, of the command line and NODE_OPTIONS. */
  options: string[];
  /** The program's main file, if it has one. */
  main: string | undefined;
  /** Undefined if it cannot be read. */
  environment: Readonly<Record<string, string>> | undefined;
}

/** @param environ the text of /proc/PID/environ */
export function programSettings(command: readonly string[], environ: string | undefined): ProgramSettings {
  const environment =
    environ === undefined
      ? undefined
      : Object.fromEntries(
          environ.split('\0').flatMap((each) => {
            const [, name, value] = /^([^=]+)=(.*)$/s.exec(each) ?? [];
            return name === undefined ? [] : [[name, value!]];
          }),
        );
  const options = environment?.NODE_OPTIONS?.split(/\s+/).filter((word) => word !== '') ?? [];
  let index = 1;
  for (; index < command.length && /^-./.test(command[index]!); index++) {
    const word = command[index]!;
    options.push(word);
    if (word === '--') break;
    if (WITH_VALUE.has(word) && index + 1 < command.length) options.push(command[++index]!);
  }
  return { options, main: command[index], environment };
}

/** A backend that somebody asked for, and where. */
export interface Requested {
  backend: string;
  place: string;
}

/** The settings that decide whether a process has probes. */
export function settingFindings(
  { options, environment }: ProgramSettings,
  requested: Requested | undefined,
): Finding[] {
  const findings: Finding[] = [];
  if (environment === undefined) {
    findings.push({
      id: 'environment',
      state: 'limited',
      fact: 'Its environment cannot be read by this user',
      meaning: 'what SONDE_BACKEND, SONDE_DIR and NODE_OPTIONS are is not known',
      remedy: 'Run sonde as root, or as its user',
    });
  } else {
    const set = Object.entries(environment).filter(([name]) => name.startsWith('SONDE_') || name === 'NODE_OPTIONS');
    for (const [name, value] of set) {
      findings.push({
        id: `environment-${name.toLowerCase().replaceAll('_', '-')}`,
        state: 'good',
        fact: `It was started with ${name}=${value}`,
      });
    }
  }
  if (options.includes('--no-addons')) {
    findings.push({
      id: 'no-addons',
      state: 'bad',
      fact: 'Node.js was started with --no-addons',
      meaning: 'sonde does nothing',
      remedy: 'Leave that option out',
    });
  }
  const isPermitted = options.some((option) => /^--(experimental-)?permission$/.test(option));
  if (isPermitted && !options.includes('--allow-addons')) {
    findings.push({
      id: 'permission-model',
      state: 'bad',
      fact: 'Node.js was started with its permission model',
      meaning: 'it forbids native addons, and sonde does nothing',
      remedy: 'Give Node.js --allow-addons, and the options that docs/environments.md has',
    });
  }
  if (conditionsOf(options).includes('sonde-off')) {
    findings.push({
      id: 'sonde-off',
      state: 'bad',
      fact: 'Node.js was started with the condition sonde-off',
      meaning: 'sonde does nothing',
      remedy: 'Leave that condition out',
    });
  }
  if (requested?.backend === 'noop') {
    findings.push({
      id: 'noop',
      state: 'bad',
      fact: `The backend noop was asked for by ${requested.place}`,
      meaning: 'sonde does nothing',
      remedy: 'Ask for another backend, or for none',
    });
  } else if (requested && !BACKENDS.includes(requested.backend)) {
    findings.push({
      id: 'backend-unknown',
      state: 'limited',
      fact: `The backend ${requested.backend} was asked for by ${requested.place}`,
      meaning: 'there is none of that name, so sonde ignores the setting',
      remedy: `Give ${BACKENDS.join(', ')}`,
    });
  }
  return findings;
}

function conditionsOf(options: readonly string[]): string[] {
  return options.flatMap((option, index) => {
    if (['-C', '--conditions'].includes(option)) return options[index + 1] ?? [];
    return /^(?:--conditions=|-C=?)(.+)$/.exec(option)?.[1] ?? [];
  });
}

/**
 * Settings override one another: the environment variable, the application's package.json, and the
 * build of the addon (docs/installation.md).
 *
 * @param addon the path of the addon, if it is loaded
 */
export function requestedBackend(
  pid: number,
  { main, environment }: ProgramSettings,
  addon: string | undefined,
): Requested | undefined {
  if (environment?.SONDE_BACKEND) return { backend: environment.SONDE_BACKEND, place: 'SONDE_BACKEND' };
  const folder = readLink(`/proc/${pid}/cwd`);
  const file = folder && nearestManifest(pid, main === undefined ? folder : dirname(resolve(folder, main)));
  const ofApplication = file && nameIn(pid, file, (manifest) => manifest?.sonde?.backend);
  if (ofApplication) return { backend: ofApplication, place: file };
  const build = addon && join(dirname(addon), 'backend.json');
  const ofBuild = build && nameIn(pid, build, (settings) => settings?.backend);
  return ofBuild ? { backend: ofBuild, place: build } : undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: it is whatever the file holds.
function nameIn(pid: number, file: string, take: (content: any) => unknown): string | undefined {
  try {
    const name = take(JSON.parse(readText(`/proc/${pid}/root${file}`)!));
    return typeof name === 'string' ? name : undefined;
  } catch {
    // There is no such file, or it is no JSON.
    return undefined;
  }
}

function nearestManifest(pid: number, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (readText(`/proc/${pid}/root${file}`) !== undefined) return file;
    if (folder === dirname(folder)) return undefined;
  }
}
