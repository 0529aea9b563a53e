// What is asked: of which probes, in which processes, under which condition. Engines answer it, and
// scripts of other tools are written from it.
import { discoveryFor } from '../discovery/discovery.js';
import type { Following } from '../discovery/follow.js';
import type { Selection } from '../discovery/select.js';
import { nobody, parseTarget } from '../discovery/target.js';
import { CommandError } from '../error.js';
import { type Argument, BUILT_IN, fullName, type Probe, type TracedObject } from '../model.js';
import { printable } from '../output/escape.js';
import { type Condition, missingArgument, parseCondition } from './where.js';

export interface Question {
  selections: Selection[];
  /** Only these processes; without it, every process that has the objects mapped, now or later. */
  pids: number[] | undefined;
  /** The process that was asked for by its number: when it has ended, nothing more comes. */
  pid?: number;
  condition: Condition | undefined;
  /** Names of the arguments whose values are wanted; without it, all of them. */
  wanted?: string[];
  /** Tells of more of what was asked for: processes that start, providers that are defined. */
  follow(onMore: (more: More) => void): Following;
}

/** More of what was asked for. */
export interface More {
  selections: Selection[];
  pids: number[];
}

/** What most subcommands take. */
export interface QuestionOptions {
  /** A target, as {@link parseTarget} takes it. */
  process?: string;
  /** A condition, as {@link parseCondition} takes it. */
  where?: string;
  /** The name of the engine that is to answer. */
  engine?: string;
}

/** Which probes of these objects are meant. @throws {CommandError} if none is */
export type Choose = (objects: readonly TracedObject[]) => Selection[];

/**
 * Finds what a question is about. Probes that have not all arguments of the condition, or of
 * `needed`, are left out, and that is told.
 *
 * @param needed names of arguments that a probe must have
 * @throws {CommandError} if nothing is left
 */
export function ask(choose: Choose, options: QuestionOptions, needed: readonly string[] = []): Question {
  const condition = options.where === undefined ? undefined : parseCondition(options.where);
  const target = options.process === undefined ? undefined : parseTarget(options.process);
  const discovery = discoveryFor(options.engine);
  const { objects, processes, hidden } = discovery.find(target);
  if (objects.length === 0) {
    const others = hidden > 0 ? `; ${hidden} were not looked into, which needs root` : '';
    const what = target?.pid === undefined ? `${nobody(target)} has probes` : `process ${target.pid} has no probes`;
    const remedy = target ? '; --attach gives a Node.js process those of the runtime' : '';
    throw new CommandError('nothing', `${what}${others}${remedy}`);
  }
  const { selections, missing } = askable(choose(objects), condition, needed);
  const [first] = missing;
  if (selections.length === 0 && first) {
    const [probe, argument] = first;
    throw new CommandError(
      'usage',
      `no probe that was asked for has an argument ${printable(argument)}; ${argumentsText(probe)}`,
    );
  }
  if (missing.size > 0) {
    const names = [...new Set([...missing.keys()].map(fullName))].join(', ');
    process.stderr.write(`sonde: left out, since they lack an argument that was asked for: ${printable(names)}\n`);
  }
  const pids = processes.map(({ pid }) => pid);
  return {
    selections,
    pids: target && pids,
    ...(target?.pid !== undefined && { pid: target.pid }),
    condition,
    follow: (onMore) =>
      discovery.follow(target, { objects, pids }, (found) => {
        onMore({ selections: chooseAgain(found.objects), pids: found.pids });
      }),
  };

  function chooseAgain(more: readonly TracedObject[]): Selection[] {
    try {
      return askable(choose(more), condition, needed).selections;
    } catch {
      // There is none of the probes in them, or they are others of these names.
      return [];
    }
  }
}

/** For a message: the name of the probe, or how many there are. */
export function probesText(selections: readonly Selection[]): string {
  const names = selections.flatMap(({ probes }) => probes.map(fullName));
  return names.length === 1 ? printable(names[0]!) : `${names.length} probes`;
}

/** How many probes are asked of: the same one in several objects counts once. */
export function countProbes({ selections }: Question): number {
  return new Set(selections.flatMap(({ probes }) => probes.map(fullName))).size;
}

/** The argument of a probe that has this name, or what every event has by that name. */
export function argumentOf(probe: Probe, name: string): Argument | undefined {
  return [...probe.arguments, ...BUILT_IN].find((argument) => argument.name === name);
}

/** For a message: "smtp:put has key, frames". */
export function argumentsText(probe: Probe): string {
  const names = probe.arguments.map(({ name }) => printable(name)).join(', ');
  return `${printable(fullName(probe))} has ${names === '' ? 'no arguments' : names}`;
}

/** Without the probes that lack an argument, and which these are. */
function askable(
  selections: readonly Selection[],
  condition: Condition | undefined,
  needed: readonly string[],
): { selections: Selection[]; missing: Map<Probe, string> } {
  const missing = new Map<Probe, string>();
  for (const probe of selections.flatMap(({ probes }) => probes)) {
    const argument =
      needed.find((name) => !argumentOf(probe, name)) ?? (condition && missingArgument(condition, probe));
    if (argument !== undefined) missing.set(probe, argument);
  }
  const left = selections
    .map(({ object, probes }) => ({ object, probes: probes.filter((probe) => !missing.has(probe)) }))
    .filter(({ probes }) => probes.length > 0);
  return { selections: left, missing };
}
