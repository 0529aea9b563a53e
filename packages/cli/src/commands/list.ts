// sonde list: which processes have probes, which probes these are, and who is traced now.
import { existsSync, statSync } from 'node:fs';
import { discoveryFor } from '../discovery/discovery.js';
import { tracedIn } from '../discovery/enabled.js';
import { readProbes } from '../discovery/read-probes.js';
import { select } from '../discovery/select.js';
import { nobody, parseTarget, type Target } from '../discovery/target.js';
import { CommandError } from '../error.js';
import { fullName, type Probe, type TracedObject, type TracedProcess } from '../model.js';
import { printable } from '../output/escape.js';
import { json } from '../output/json.js';
import { style } from '../output/style.js';
import { table } from '../output/table.js';

export interface ListOptions {
  json?: boolean;
  engine?: string;
}

/** @param target a process, as findProbes takes it, or a file if it has a slash in it */
export function list(target: string | undefined, provider: string | undefined, options: ListOptions): void {
  const patterns = provider === undefined ? ['*'] : [provider.includes(':') ? provider : `${provider}:*`];
  if (target?.includes('/') && existsSync(target) && statSync(target).isFile()) {
    listFile(target, patterns, options);
    return;
  }
  if (options.engine !== undefined && options.engine !== 'dtrace') {
    throw new CommandError('usage', `--engine is ${JSON.stringify(options.engine)}; give dtrace, or leave it out`);
  }
  const wanted = target === undefined ? undefined : parseTarget(target);
  const { objects, processes, hidden, unreadable } = discoveryFor(options.engine).find(wanted);
  for (const reason of unreadable) process.stderr.write(`sonde: not read: ${printable(reason)}\n`);
  const traced = new Map(objects.map((object) => [object, tracedByProcess(object)]));
  const selections = objects.length === 0 ? [] : select(objects, patterns);
  if (options.json) {
    console.log(
      json({
        processes: processes.map((each) => ({
          pid: each.pid,
          command: each.command,
          uid: each.uid,
          ...(each.container !== undefined && { container: each.container }),
          objects: selections
            .filter(({ object }) => object.processes.includes(each))
            .map(({ object, probes }) => ({
              path: object.path,
              probes: probes.map((probe) => describe(probe, traced.get(object)!.get(each)?.has(probe))),
            })),
        })),
        hidden,
      }),
    );
    return;
  }
  if (selections.length === 0) throw new CommandError('nothing', `${emptiness(wanted)}${andHidden(hidden)}`);
  const isDetailed = target !== undefined || provider !== undefined;
  console.log(processTable(selections, processes, traced));
  if (isDetailed)
    for (const { object, probes } of selections) console.log(`\n${objectText(object, probes, traced.get(object)!)}`);
  if (hidden > 0) process.stderr.write(`\nsonde: ${hiddenText(hidden)}\n`);
}

function listFile(path: string, patterns: readonly string[], options: ListOptions): void {
  const object: TracedObject = { id: path, name: path, path, content: path, ...readFile(path), processes: [] };
  const [selected] = object.probes.length === 0 ? [] : select([object], patterns);
  if (!selected) throw new CommandError('nothing', `${printable(path)} holds no probes`);
  if (options.json) {
    console.log(json({ path, probes: selected.probes.map((probe) => describe(probe)) }));
    return;
  }
  console.log(objectText(object, selected.probes, new Map()));
}

function readFile(path: string): ReturnType<typeof readProbes> {
  try {
    return readProbes(path);
  } catch (error) {
    throw new CommandError('failed', `${printable(path)} cannot be read: ${(error as Error).message}`);
  }
}

type Traced = Map<TracedProcess, Set<Probe> | undefined>;

function tracedByProcess(object: TracedObject): Traced {
  return new Map(object.processes.map((each) => [each, tracedIn(each, object)]));
}

function describe(probe: Probe, traced?: boolean) {
  return {
    provider: probe.provider,
    name: probe.name,
    ...(probe.key !== undefined && { key: probe.key }),
    ...(probe.part && { part: probe.part }),
    arguments: probe.arguments.map(({ name, type }) => ({ name, type })),
    ...(traced !== undefined && { traced }),
  };
}

function processTable(
  selections: readonly { object: TracedObject; probes: Probe[] }[],
  processes: readonly TracedProcess[],
  traced: ReadonlyMap<TracedObject, Traced>,
): string {
  const rows = processes.flatMap((each) =>
    selections
      .filter(({ object }) => object.processes.includes(each))
      .map(({ object, probes }) => {
        const now = traced.get(object)!.get(each);
        const count = now ? probes.filter((probe) => now.has(probe)).length : undefined;
        return [
          String(each.pid),
          shorten(printable(each.command.join(' ')), 48),
          printable(each.container ?? ''),
          [...new Set(probes.map(({ provider }) => provider))].join(','),
          String(probes.length),
          count === undefined ? '?' : count === 0 ? '-' : style('green', String(count)),
        ];
      }),
  );
  const names = ['PID', 'COMMAND', 'CONTAINER', 'PROVIDER', 'PROBES', 'TRACED'];
  const hasContainers = rows.some((row) => row[2] !== '');
  const without = (cells: string[]) => (hasContainers ? cells : cells.filter((_, index) => index !== 2));
  return table(without(names), rows.map(without), ['PID', 'PROBES', 'TRACED']);
}

function objectText(object: TracedObject, probes: readonly Probe[], traced: Traced): string {
  const isTraced = (probe: Probe) => [...traced.values()].some((set) => set?.has(probe));
  const lines = probes.map((probe) => {
    const list = probe.arguments
      .map(({ name, type }) => `${style('dim', printable(type))} ${printable(name)}`)
      .join(', ');
    return `  ${isTraced(probe) ? style('green', '●') : ' '} ${style('bold', printable(fullName(probe)))}(${list})`;
  });
  return `${style('dim', printable(object.path))}\n${lines.join('\n')}`;
}

function emptiness(target: Target | undefined): string {
  if (target === undefined) return 'no process has probes of sonde; start one that does, or name a file with probes';
  return `${nobody(target)}; sonde list without a target shows all that have probes`;
}

function andHidden(hidden: number): string {
  return hidden === 0 ? '' : ` (${hiddenText(hidden)})`;
}

function hiddenText(hidden: number): string {
  return `${hidden} ${hidden === 1 ? 'process of another user was' : 'processes of other users were'} not looked into, which needs root`;
}

function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
