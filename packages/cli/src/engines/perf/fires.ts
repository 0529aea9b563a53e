// Events at which perf records: of probes, of functions, and the kernel's own.
import { randomBytes } from 'node:crypto';
import { appendFileSync, closeSync, existsSync, openSync } from 'node:fs';
import { basename } from 'node:path';
import { readElf } from '@sonde/elf';
import { readObject } from '../../discovery/find.js';
import { findMapped, type MappedFile } from '../../discovery/processes.js';
import { select } from '../../discovery/select.js';
import { CommandError } from '../../error.js';
import { fullName, type TracedObject } from '../../model.js';
import { printable } from '../../output/escape.js';
import { Cleaner } from '../tracefs/cleaner.js';
import { findTracefs } from '../tracefs/tracefs.js';

/** A place in a file, or an event that the kernel has. */
export interface Place {
  /** For people: `smtp:put`. */
  label: string;
  /** As `uprobe_events` takes it; or the kernel's own event, as perf takes it. */
  uprobe?: string;
  tracepoint?: string;
  /** Processes that have the file, if it is one. */
  pids?: number[];
}

/**
 * What is meant by `tracepoint:CATEGORY:NAME`, `usdt:LIBRARY:PROBE`, `usdt:LIBRARY:PROVIDER:PROBE`,
 * `uprobe:LIBRARY:FUNCTION`, or a probe of sonde's.
 *
 * @param objects of the probes
 * @param pids whose libraries are meant
 * @throws {CommandError} if there is no such thing
 */
export function placesOf(text: string, objects: readonly TracedObject[], pids: readonly number[]): Place[] {
  const [kind, ...parts] = text.split(':');
  if (kind === 'tracepoint' && parts.length === 2) return [tracepoint(parts[0]!, parts[1]!)];
  if (kind === 'usdt' && parts.length >= 2) {
    const { library, rest } = splitLibrary(parts, pids);
    return librariesOf(library, pids).flatMap((file) => probesOf(readLibrary(file), rest));
  }
  if (kind === 'uprobe' && parts.length >= 2) {
    const name = parts.at(-1)!;
    const found = librariesOf(parts.slice(0, -1).join(':'), pids).flatMap((file) =>
      functionIn(readLibrary(file), name),
    );
    if (found.length > 0) return found;
    throw new CommandError(
      'nothing',
      `no function is called ${printable(name)} in ${printable(parts.slice(0, -1).join(':'))}`,
    );
  }
  if (['tracepoint', 'usdt', 'uprobe'].includes(kind!)) {
    throw new CommandError(
      'usage',
      `--on is ${JSON.stringify(text)}; give PROVIDER:PROBE, tracepoint:CATEGORY:NAME, usdt:LIBRARY:PROBE or uprobe:LIBRARY:FUNCTION`,
    );
  }
  return probesOf(objects, text);
}

/** They are there until `remove`, or until this process ends. */
export class PerfEvents {
  /** As `perf record` takes them. */
  readonly options: string[];
  private readonly labels = new Map<string, string>();
  private readonly cleaner: Cleaner | undefined;

  /** @throws {CommandError} if the kernel does not take them, or this user may not */
  constructor(places: readonly Place[]) {
    const tracefs = findTracefs();
    const group = `sonde_${process.pid}_${randomBytes(4).toString('hex')}`;
    const lines: string[] = [];
    for (const [index, { label, uprobe, tracepoint }] of places.entries()) {
      if (uprobe !== undefined) lines.push(`p:${group}/e${index} ${uprobe}\n`);
      this.labels.set(tracepoint ?? `${group}:e${index}`, label);
    }
    this.options = recordOptions([...this.labels.keys()]);
    if (lines.length === 0) return;
    this.cleaner = new Cleaner(tracefs, group);
    try {
      appendFileSync(`${tracefs}/uprobe_events`, lines.join(''));
    } catch (error) {
      void this.cleaner.clean();
      throw new CommandError('failed', `the kernel refuses a probe: ${(error as Error).message}`);
    }
  }

  /** What an event that perf names stands for. */
  labelOf(event: string): string | undefined {
    return this.labels.get(event);
  }

  async remove(): Promise<void> {
    await this.cleaner?.clean();
  }
}

/** What the process does in the kernel then says nothing of the program. */
export function recordOptions(events: readonly string[]): string[] {
  return ['--user-callchains', '-m', '4M', '-c', '1', ...events.flatMap((event) => ['-e', event])];
}

function tracepoint(category: string, name: string): Place {
  if (existsSync(`${findTracefs()}/events/${category}/${name}/id`)) {
    return { label: `${category}:${name}`, tracepoint: `${category}:${name}` };
  }
  throw new CommandError('nothing', `the kernel has no tracepoint ${printable(`${category}:${name}`)}`);
}

function probesOf(objects: readonly TracedObject[] | TracedObject, pattern: string): Place[] {
  return select([objects].flat(), [pattern]).flatMap(({ object, probes }) =>
    probes.map((probe) => {
      const semaphore = probe.semaphore === undefined ? '' : `(0x${probe.semaphore.toString(16)})`;
      const uprobe = `${object.path}:0x${probe.offset.toString(16)}${semaphore}`;
      return { label: fullName(probe), uprobe, pids: pidsOf(object) };
    }),
  );
}

function functionIn(object: TracedObject, name: string): Place[] {
  const offset = offsetOf(object.content, name);
  if (offset === undefined) return [];
  return [{ label: name, uprobe: `${object.path}:0x${offset.toString(16)}`, pids: pidsOf(object) }];
}

function pidsOf({ processes }: TracedObject): number[] {
  return processes.map(({ pid }) => pid);
}

/** Where a function begins in a file. */
function offsetOf(path: string, name: string): number | undefined {
  const file = openSync(path, 'r');
  try {
    const elf = readElf(file);
    const symbol = (['symtab', 'dynsym'] as const)
      .flatMap((table) => elf.symbols(table))
      .find((each) => each.name === name && each.section !== 0 && each.type === STT_FUNC);
    return symbol && elf.fileOffset(symbol.address);
  } finally {
    closeSync(file);
  }
}

/** ELF's type of a symbol that is a function. */
const STT_FUNC = 2;

/** A path may have colons in it, and a probe has one or none. */
function splitLibrary(parts: readonly string[], pids: readonly number[]): { library: string; rest: string } {
  const splits = [parts.length - 1, parts.length - 2]
    .filter((count) => count > 0)
    .map((count) => ({ library: parts.slice(0, count).join(':'), rest: parts.slice(count).join(':') }));
  return splits.find(({ library }) => mapped(library, pids).length > 0 || existsSync(library)) ?? splits.at(-1)!;
}

/** `libc`, `libc.so.6` or `/usr/lib/libc.so.6`: what the processes have loaded under this name. */
function librariesOf(library: string, pids: readonly number[]): MappedFile[] {
  const files = mapped(library, pids);
  if (files.length > 0) return files;
  throw new CommandError('nothing', `no process that was asked for has loaded ${printable(library)}`);
}

function mapped(library: string, pids: readonly number[]): MappedFile[] {
  const isMeant = (path: string) => {
    const name = basename(path.replace(/ \(deleted\)$/, ''));
    return (
      path === library ||
      name === library ||
      (name.startsWith(library) && /^(?:[-.\d]*)\.so\b/.test(name.slice(library.length)))
    );
  };
  return findMapped(isMeant, pids).files;
}

function readLibrary(file: MappedFile): TracedObject {
  try {
    return readObject(file);
  } catch (error) {
    throw new CommandError('failed', `${printable(file.path)} cannot be read: ${(error as Error).message}`);
  }
}
