import { fullName, type Probe } from '../model.js';
import { quoted } from '../output/escape.js';
import { prefixOf } from '../question/whole-numbers.js';
import {
  cannot,
  constantAsC,
  heading,
  type Language,
  printed,
  type Scripted,
  valueText,
  variableName,
  wholeCondition,
} from './scripted.js';

/** D has variables `arg0` to `arg9`. */
const MOST_ARGUMENTS = 10;

/** D, as it is without anything that a tool of its own would add. */
export const D: Language = {
  name: 'DTrace',
  value(_probe, { kind, operand, name }, index) {
    if (index >= MOST_ARGUMENTS)
      throw cannot(this.name, `read ${name}, which is argument ${index}: it knows ${MOST_ARGUMENTS}`);
    if (kind === 'float') throw cannot(this.name, `read ${name}, a floating-point number`);
    if (kind === 'text') return `copyinstr(arg${index})`;
    if (kind === 'bytes') return `copyin(arg${index}, arg${index + 1})`;
    const bits = 8 * (Math.abs(operand.size) || 8);
    return bits === 64 && kind === 'signed'
      ? `arg${index}`
      : `(${kind === 'signed' ? '' : 'u'}int${bits}_t)arg${index}`;
  },
  builtIn: (name) => name,
  text: quoted,
  compare: (left, { operator, value }) => `${left} ${operator} ${wholeText(value)}`,
  constant: constantAsC,
  matches(left, glob) {
    const prefix = prefixOf(glob);
    if (prefix === undefined) throw cannot(this.name, 'compare with other wildcards than * at the end');
    // Of an empty beginning it would take the whole text.
    return prefix === '' ? constantAsC(true) : `substr(${left}, 0, ${Buffer.byteLength(prefix)}) == ${quoted(prefix)}`;
  },
};

/** Where D finds a probe: `smtp4711:::session-start`. @param process its id, or wildcards for several */
export function dAddress({ provider, name }: Probe, process: number | string): string {
  return `${provider}${process}:::${name.replaceAll('__', '-')}`;
}

/** Digits alone are a number with a sign, and the least of these cannot be written at all. */
function wholeText(value: bigint): string {
  if (value > 2n ** 63n - 1n) return `${value}ULL`;
  return value === -(2n ** 63n) ? `(${value + 1n} - 1)` : String(value);
}

/** A script for DTrace, of illumos, macOS, FreeBSD and Linux. @throws {CommandError} if D cannot say it */
export function dScript(question: Scripted): string {
  const probes = distinct(question);
  const clauses = probes.map((probe) => {
    const { pids } = question;
    // A provider's name has the pid at its end.
    const processes = pids ?? ['*'];
    const places = processes.map((pid) => dAddress(probe, pid)).join(',\n');
    const condition = wholeCondition(D, { ...question, pids: undefined }, probe);
    return `${places}${condition === undefined ? '' : `\n/${condition}/`}\n{\n\t${action(question, probe)}\n}`;
  });
  if (question.kind !== 'trace' && question.every !== undefined) {
    const names = probes.map((probe) => `@${variableName(question, probe)}`);
    const prints = names.map((name) => `printa(${name});\n\ttrunc(${name});`).join('\n\t');
    clauses.push(`tick-${Math.round(question.every)}ms\n{\n\t${prints}\n}`);
  }
  const quiet = question.kind === 'trace' ? '#pragma D option quiet\n' : '';
  return `/* ${heading(question)} Run it as root: ${command(question)} */\n\n${quiet}${quiet && '\n'}${clauses.join('\n\n')}\n`;
}

/** DTrace for Linux finds SDT notes in a process that it is told, and not in all. */
function command({ pids, selections }: Scripted): string {
  if (selections.every(({ object }) => !object.hasNotes)) return 'dtrace -s FILE';
  // Without -Z, what only another process has would be an error.
  return pids?.length === 1 ? `dtrace -p ${pids[0]} -s FILE` : 'dtrace -s FILE; on Linux: dtrace -Z -p PID -s FILE';
}

function action(question: Scripted, probe: Probe): string {
  if (question.kind === 'trace') {
    const list = printed(probe, question.fields).filter(({ kind }) => kind !== 'bytes');
    const formats = list.map(({ name, kind }) => `${name}=${{ text: '%s', signed: '%d' }[kind as string] ?? '%u'}`);
    const values = list.map(({ name }) => valueText(D, probe, name));
    return `printf(${quoted(`%d ${[fullName(probe), ...formats].join(' ')}\n`)}, ${['pid', ...values].join(', ')});`;
  }
  const keys = question.by.map((name) => valueText(D, probe, name)).join(', ');
  const target = `@${variableName(question, probe)}${keys === '' ? '' : `[${keys}]`}`;
  return question.kind === 'count'
    ? `${target} = count();`
    : `${target} = quantize(${valueText(D, probe, question.value)});`;
}

/** A probe is there once, whatever objects have it. */
function distinct({ selections }: Scripted): Probe[] {
  const probes = selections.flatMap((selection) => selection.probes);
  return [...new Map(probes.map((probe) => [fullName(probe), probe])).values()];
}
