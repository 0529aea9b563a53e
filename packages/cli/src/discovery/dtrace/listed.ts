// The probes that `dtrace -lv` lists: of each its provider, with the id of the process at its end, and
// the types of its arguments. Their names it does not know: those of sonde's own probes are known here.
import type { Argument, Kind, Probe } from '../../model.js';
import { named, withKnownNames } from './known.js';

/** The probes that a process has of a provider. */
export interface ListedProvider {
  pid: number;
  /** As DTrace calls it: `smtp4711`. */
  name: string;
  module: string;
  probes: Probe[];
}

/** @param isProcess whether there is a process of this id: names of providers may end with digits, too */
export function parseListed(output: string, isProcess: (pid: number) => boolean): ListedProvider[] {
  const providers = new Map<string, ListedProvider>();
  // Each probe begins with a line of its own, with its number first.
  for (const part of output.split(/\n(?= *\d+ )/)) {
    const [, provider, module, symbol, name] = /^ *\d+ +(\S+) +(\S+) +(\S+) +(\S+)$/m.exec(part) ?? [];
    if (provider === undefined) continue;
    const pid = processOf(provider, isProcess);
    if (pid === undefined || !isOwn(symbol!, name!)) continue;
    const key = `${provider} ${module}`;
    const known = providers.get(key) ?? { pid, name: provider, module: module!, probes: [] };
    providers.set(key, known);
    const types = [...part.matchAll(/^\t\targs\[\d+\]: (.*)$/gm)].map(([, type]) => type!.trim());
    known.probes.push({
      provider: provider.slice(0, -String(pid).length),
      // As the program and other tracers have it.
      name: name!.replaceAll('-', '__'),
      symbol: undefined,
      offset: 0,
      semaphore: undefined,
      arguments: types.map(argumentOf),
    });
  }
  return [...providers.values()].map((provider) => ({
    ...provider,
    probes: provider.probes.map((probe) => withKnownNames(withOperation(probe, provider.probes))),
  }));
}

/** The longest number at its end that is a process, with a name before it. */
function processOf(provider: string, isProcess: (pid: number) => boolean): number | undefined {
  const [digits] = /(?<=.)\d+$/.exec(provider) ?? [];
  // DTrace's own.
  if (digits === undefined || /^(?:pid|uprobe|stapsdt|usdt)\d+$/.test(provider)) return undefined;
  const endings = Array.from(digits, (_, index) => digits.slice(index)).filter((ending) => !ending.startsWith('0'));
  return endings.map(Number).find(isProcess);
}

/**
 * Whether it is a probe of sonde's, whose function has the probe's name, unless the program gives it
 * another one; `func` is what dtrace-provider calls it. Systems have many others.
 */
function isOwn(symbol: string, name: string): boolean {
  return symbol.replaceAll('__', '-') === name || symbol === 'func';
}

function argumentOf(type: string, index: number): Argument {
  const [kind, size] = kindOf(type);
  const signed = kind === 'signed' ? -size : size;
  return {
    name: `arg${index}`,
    type: kind === 'text' ? 'string' : type.replace(/^(u?int\d+)_t$/, '$1'),
    kind,
    size,
    operand: { size: signed, float: false, operand: '' },
  };
}

function kindOf(type: string): [Kind, number] {
  if (/^(?:const )?char \*$/.test(type)) return ['text', 8];
  if (type.endsWith('*')) return ['pointer', 8];
  const [, unsigned, bits] = /^(u?)int(8|16|32|64)_t$/.exec(type) ?? [];
  if (bits !== undefined) return [unsigned === 'u' ? 'unsigned' : 'signed', Number(bits) / 8];
  if (type === 'int') return ['signed', 4];
  if (type === 'unsigned' || type === 'unsigned int' || type === 'uint_t') return ['unsigned', 4];
  if (/^(?:unsigned |u)/.test(type)) return ['unsigned', 8];
  return ['signed', 8];
}

const OPERATION = {
  start: ['uint64'],
  done: ['uint64', 'uint64'],
  error: ['uint64', 'uint64', 'string'],
} as const;
const NAMES = ['id', 'ns', 'message'];

/** The three probes of an operation have names and types of their own, by which they are known. */
function withOperation(probe: Probe, all: readonly Probe[]): Probe {
  const [, name, part] = /^(.+)__(start|done|error)$/.exec(probe.name) ?? [];
  const isOperation = Object.entries(OPERATION).every(([each, types]) => {
    const found = all.find((other) => other.name === `${name}__${each}`);
    return found && types.every((type, index) => found.arguments[index]?.type === type);
  });
  if (part === undefined || !isOperation) return probe;
  const count = OPERATION[part as keyof typeof OPERATION].length;
  return {
    ...probe,
    part: part as keyof typeof OPERATION,
    arguments: probe.arguments.map((argument, index) => (index < count ? named(argument, NAMES[index]!) : argument)),
  };
}
