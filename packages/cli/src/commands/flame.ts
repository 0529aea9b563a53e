// sonde flame: where a process spends its time, or by which ways a probe is reached, as a flame
// graph with the names of JavaScript functions.
import { accessSync, constants, existsSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { findProbes } from '../discovery/find.js';
import { allPids, describeProcess } from '../discovery/processes.js';
import { parseTarget, type Target } from '../discovery/target.js';
import { PerfRecording, perfCommands, type Recorded } from '../engines/perf/perf.js';
import { CommandError } from '../error.js';
import { formatOf } from '../flame/formats.js';
import { type Profile, Stacks, total } from '../flame/stacks.js';
import type { TracedObject, TracedProcess } from '../model.js';
import { printable } from '../output/escape.js';
import { json } from '../output/json.js';
import { JavaScriptNames } from '../presence/javascript-names.js';
import { untilEnd } from './until-end.js';

export interface FlameOptions {
  output: string;
  /** In milliseconds. */
  duration: number;
  /** Samples a second. */
  frequency: number;
  json?: boolean;
  dryRun?: boolean;
}

/** So often it is looked whether there is a process left. */
const ALIVE_MS = 200;

export async function flame(target: string | undefined, options: FlameOptions): Promise<void> {
  const format = formatOf(options.output);
  checkPlace(options.output);
  const { processes, objects } = findTargets(target);
  const recorded = cpuSamples(processes, options.frequency);
  if (options.dryRun) {
    process.stdout.write(dryRun(recorded, options, processes, objects));
    return;
  }
  const names = await JavaScriptNames.start(processes, objects);
  let profile: Profile;
  try {
    for (const { pid, reason } of names.missing) {
      process.stderr.write(`sonde: no names of JavaScript functions in process ${pid}: ${printable(reason)}\n`);
    }
    profile = await record(recorded, processes, options);
  } finally {
    await names.end();
  }
  if (profile.stacks.length === 0) {
    throw new CommandError(
      'nothing',
      'no samples were taken: the process did nothing meanwhile; try a longer --duration',
    );
  }
  await write(profile, options, format);
}

async function record(
  recorded: Recorded,
  processes: readonly TracedProcess[],
  options: FlameOptions,
): Promise<Profile> {
  const recording = await PerfRecording.start(recorded);
  const startedAt = Date.now();
  const began = performance.now();
  process.stderr.write(
    `sonde: sampling ${describe(processes)} for ${options.duration / 1000} s; Ctrl-C ends it earlier\n`,
  );
  const failure = await untilEnd(options.duration, untilGone(recorded.pids), recording.ended);
  const duration = performance.now() - began;
  if (failure) throw failure;
  await recording.stop();
  if (recording.remark !== undefined) process.stderr.write(`sonde: ${recording.remark}\n`);
  const stacks = new Stacks();
  const roots = new Map(
    processes.length < 2
      ? []
      : processes.map((each) => [each.pid, { name: describe([each]), kind: 'native' as const, object: '' }]),
  );
  const wanted = new Set(recorded.pids);
  await recording.read(({ pid, frames }) => {
    // Children of a process are recorded, too.
    if (!wanted.has(pid)) return;
    const root = roots.get(pid);
    stacks.add(root ? [root, ...frames] : frames);
  });
  return {
    title: `${describe(processes)}, ${(duration / 1000).toFixed(1)} s`,
    unit: 'samples',
    frequency: options.frequency,
    startedAt,
    duration,
    stacks: stacks.sorted(),
  };
}

async function write(
  profile: Profile,
  { output, json: wantsJson }: FlameOptions,
  format: Awaited<ReturnType<typeof formatOf>>,
): Promise<void> {
  if (wantsJson) {
    const { title, unit, duration, stacks } = profile;
    console.log(json({ title, unit, durationMs: Math.round(duration), count: total(stacks), stacks }));
    if (output === '-') return;
  }
  const made = await format(profile);
  if (output === '-') {
    process.stdout.write(made);
    return;
  }
  try {
    writeFileSync(output, made);
  } catch (error) {
    throw new CommandError('failed', `${printable(output)} cannot be written: ${(error as Error).message}`);
  }
  process.stderr.write(`sonde: ${total(profile.stacks)} ${profile.unit} in ${printable(output)}\n`);
}

/** Those that have probes, or else others that are meant: they have stacks, too. */
function findTargets(text: string | undefined): { processes: TracedProcess[]; objects: TracedObject[] } {
  const target = text === undefined ? undefined : parseTarget(text);
  const found = findProbes(target);
  if (found.processes.length > 0) return found;
  const others = target
    ? allPids().flatMap((pid) => ((target.pid ?? pid) === pid ? (describeProcess(pid) ?? []) : []))
    : [];
  const processes = others.filter((each) => each.command[0] !== '' && target!.isMet(each));
  if (processes.length > 0) return { processes, objects: [] };
  throw new CommandError('nothing', nobodyText(target));
}

function nobodyText(target: Target | undefined): string {
  if (!target) return 'no process has probes of sonde; name one: sonde flame PID';
  return `no process matches ${JSON.stringify(printable(target.text))}`;
}

function cpuSamples(processes: readonly TracedProcess[], frequency: number): Recorded {
  // What the kernel does for a process, only root may see.
  const event = process.getuid?.() === 0 ? 'cpu-clock' : 'cpu-clock:u';
  return { pids: processes.map(({ pid }) => pid), events: ['-e', event, '-F', String(frequency)] };
}

/** Before anything is recorded. @throws {CommandError} if a file cannot be written there */
function checkPlace(output: string): void {
  if (output === '-') return;
  try {
    if (existsSync(output)) {
      if (statSync(output).isDirectory()) throw new Error('it is a folder');
      accessSync(output, constants.W_OK);
    } else {
      accessSync(dirname(output), constants.W_OK);
    }
  } catch (error) {
    throw new CommandError('failed', `${printable(output)} cannot be written: ${(error as Error).message}`);
  }
}

function dryRun(
  recorded: Recorded,
  { duration }: FlameOptions,
  processes: readonly TracedProcess[],
  objects: readonly TracedObject[],
): string {
  const lines = objects
    .filter(({ probes }) => probes.some(({ provider, name }) => provider === 'node' && name === 'stacks__on'))
    .map(
      ({ path, processes: having }) =>
        `# While perf runs, JavaScript functions of ${describe(processes.filter((each) => having.includes(each)))} have names: the byte of\n# node:stacks__on is another one meanwhile. With bpftrace, the same is\n# bpftrace -e 'usdt:${path}:node:stacks__on {}'\n`,
    );
  return `${lines.join('')}${perfCommands(recorded, duration / 1000).join('\n')}\n`;
}

function describe(processes: readonly TracedProcess[]): string {
  const [first] = processes;
  if (processes.length !== 1 || !first) return `${processes.length} processes`;
  const [program = '', ...args] = first.command;
  const command = printable([basename(program), ...args].join(' '));
  return `${command.length > 100 ? `${command.slice(0, 99)}…` : command} (${first.pid})`;
}

/** Resolves when none of them is there any more. */
function untilGone(pids: readonly number[]): Promise<undefined> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (pids.some((pid) => existsSync(`/proc/${pid}`))) return;
      clearInterval(timer);
      resolve(undefined);
    }, ALIVE_MS);
    timer.unref();
  });
}
