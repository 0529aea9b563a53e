// sonde flame: where a process spends its time, or by which ways a probe is reached, as a flame
// graph with the names of JavaScript functions.
import { accessSync, constants, existsSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { untilGone } from '../discovery/alive.js';
import { findProbes } from '../discovery/find.js';
import { allPids, describeProcess } from '../discovery/processes.js';
import { parseTarget, type Target } from '../discovery/target.js';
import { recordingCommands, startRecording } from '../engines/choose.js';
import { PerfEvents, type Place, placesOf, recordOptions } from '../engines/perf/fires.js';
import type { Recorded } from '../engines/recording.js';
import { CommandError } from '../error.js';
import { type Format, formatOf } from '../flame/formats.js';
import { withoutOwn } from '../flame/own-frames.js';
import { type Frame, type Profile, Stacks, total } from '../flame/stacks.js';
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
  /** What stacks are recorded at instead, as {@link placesOf} takes it. */
  on?: string;
  json?: boolean;
  engine?: string;
  dryRun?: boolean;
}

/** What is recorded, and of which processes. */
interface Asked {
  processes: TracedProcess[];
  /** Those with probes. */
  objects: TracedObject[];
  /** Where, if it is not the processor's time. */
  places: Place[] | undefined;
}

export async function flame(target: string | undefined, options: FlameOptions): Promise<void> {
  if (process.platform !== 'linux') {
    const pid = /^\d+$/.test(target ?? '') ? target : 'PID';
    const program = `profile-${options.frequency} /pid == ${pid}/ { @[ustack()] = count(); } tick-${options.duration}ms { exit(0); }`;
    throw new CommandError(
      'missing',
      `flame records with perf, which is Linux's, and this is ${process.platform}; DTrace takes samples: dtrace -x ustackframes=100 -n '${program}'`,
    );
  }
  const format = formatOf(options.output);
  checkPlace(options.output);
  const asked = ask(target, options.on);
  if (options.dryRun) {
    process.stdout.write(await dryRun(asked, options));
    return;
  }
  const profile = await record(asked, options);
  if (profile.stacks.length === 0) {
    const what = asked.places
      ? `${printable(options.on!)} did not fire`
      : 'no samples were taken: the process did nothing';
    throw new CommandError('nothing', `${what} meanwhile; try a longer --duration`);
  }
  await write(profile, options, format);
}

async function record(asked: Asked, options: FlameOptions): Promise<Profile> {
  const { processes, objects, places } = asked;
  const events = places && new PerfEvents(places);
  let names: JavaScriptNames | undefined;
  try {
    names = await JavaScriptNames.start(processes, objects);
    for (const { pid, reason } of names.missing) {
      process.stderr.write(`sonde: no names of JavaScript functions in process ${pid}: ${printable(reason)}\n`);
    }
    const pids = processes.map(({ pid }) => pid);
    return await recordEvents({ pids, frequency: options.frequency, events: events?.options }, events, asked, options);
  } finally {
    await names?.end();
    await events?.remove();
  }
}

async function recordEvents(
  recorded: Recorded,
  events: PerfEvents | undefined,
  { processes, places }: Asked,
  { duration: wanted, frequency, on, engine }: FlameOptions,
): Promise<Profile> {
  const recording = await startRecording(recorded, engine);
  const startedAt = Date.now();
  const began = performance.now();
  // Who reads the message may end it.
  const end = untilEnd(wanted, untilGone(recorded.pids), recording.ended);
  const what = on === undefined ? 'sampling' : `recording ${printable(on)} in`;
  process.stderr.write(`sonde: ${what} ${describe(processes)} for ${wanted / 1000} s; Ctrl-C ends it earlier\n`);
  const failure = await end;
  const duration = performance.now() - began;
  if (failure) throw failure;
  await recording.stop();
  const stacks = new Stacks();
  const rootOf = frames(processes.length < 2 ? [] : processes.map((each) => [each.pid, describe([each])]));
  const labels = new Set(places?.map(({ label }) => label));
  const leafOf = frames(labels.size < 2 ? [] : [...labels].map((label) => [label, label]));
  const lost = await recording.read((sample) => {
    // Children of a process are recorded, too.
    if (!recorded.pids.includes(sample.pid)) return;
    const frames = events ? withoutOwn(sample.frames) : sample.frames;
    stacks.add([...rootOf(sample.pid), ...frames, ...leafOf(events?.labelOf(sample.event))], sample.count);
  });
  if (recording.remark !== undefined) process.stderr.write(`sonde: ${recording.remark}\n`);
  if (lost > 0) process.stderr.write(`sonde: ${lost} stacks were lost: they came faster than perf could write them\n`);
  return {
    title: `${on === undefined ? '' : `${on} in `}${describe(processes)}, ${(duration / 1000).toFixed(1)} s`,
    unit: events ? 'fires' : 'samples',
    frequency: events ? undefined : frequency,
    startedAt,
    duration,
    stacks: stacks.sorted(),
  };
}

/** A frame of its own for each of some keys, where they are to be told apart. */
function frames<Key>(named: readonly (readonly [Key, string])[]): (key: Key | undefined) => Frame[] {
  const made = new Map<Key | undefined, Frame>(named.map(([key, name]) => [key, { name, kind: 'native' }]));
  return (key) => {
    const frame = made.get(key);
    return frame ? [frame] : [];
  };
}

async function write(profile: Profile, { output, json: isJson }: FlameOptions, format: Format): Promise<void> {
  if (isJson) {
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

/** @throws {CommandError} if there is no such process, or nothing of the kind in it */
function ask(text: string | undefined, on: string | undefined): Asked {
  const found = findTargets(text === undefined ? undefined : parseTarget(text));
  if (on === undefined) return { ...found, places: undefined };
  const places = placesOf(
    on,
    found.objects,
    found.processes.map(({ pid }) => pid),
  );
  const processes = found.processes.filter(({ pid }) => places.some(({ pids }) => pids?.includes(pid) ?? true));
  return { ...found, processes, places };
}

/** Those that have probes, or else others that are meant: they have stacks, too. */
function findTargets(target: Target | undefined): Omit<Asked, 'places'> {
  const found = findProbes(target);
  if (found.processes.length > 0) return found;
  if (!target) throw new CommandError('nothing', 'no process has probes of sonde; name one: sonde flame PID');
  const pids = target.pid === undefined ? allPids() : [target.pid];
  const processes = pids
    .flatMap((pid) => describeProcess(pid) ?? [])
    // The kernel's own have no command.
    .filter((each) => each.command.join('') !== '' && target.isMet(each));
  if (processes.length > 0) return { processes, objects: [] };
  throw new CommandError('nothing', `no process matches ${JSON.stringify(printable(target.text))}`);
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

/** Commands that do the same, for a shell. */
async function dryRun({ processes, objects, places }: Asked, options: FlameOptions): Promise<string> {
  const lines = objects
    .filter(({ probes }) => probes.some(({ provider, name }) => provider === 'node' && name === 'stacks__on'))
    .map(({ path, processes: having }) => {
      const whose = describe(processes.filter((each) => having.includes(each)));
      return `# For names of JavaScript functions in ${whose}, while the rest runs, as root:\nbpftrace -e 'usdt:${path}:node:stacks__on {}' &\n`;
    });
  const uprobes = (places ?? []).flatMap(({ uprobe }) => uprobe ?? []);
  for (const [index, uprobe] of uprobes.entries()) {
    lines.push(`echo 'p:sonde/e${index} ${uprobe}' >>/sys/kernel/tracing/uprobe_events\n`);
  }
  const events = places && [
    ...uprobes.map((_, index) => `sonde:e${index}`),
    ...places.flatMap(({ tracepoint }) => tracepoint ?? []),
  ];
  const pids = processes.map(({ pid }) => pid);
  const recorded = { pids, frequency: options.frequency, events: events && recordOptions(events) };
  return `${lines.join('')}${await recordingCommands(recorded, options.engine, options.duration / 1000)}`;
}

function describe(processes: readonly TracedProcess[]): string {
  const [first] = processes;
  if (processes.length !== 1 || !first) return `${processes.length} processes`;
  const [program = '', ...args] = first.command;
  const command = printable([basename(program), ...args].join(' '));
  return `${command.length > 100 ? `${command.slice(0, 99)}…` : command} (${first.pid})`;
}
