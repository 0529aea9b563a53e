// A question in D, with output that is exact whatever texts have in them.
import { CommandError } from '../../error.js';
import type { Probe } from '../../model.js';
import { argumentOf } from '../../question/question.js';
import type { Condition } from '../../question/where.js';
import { D, dAddress } from '../../scripts/d.js';
import { conditionText, type Language, valueText } from '../../scripts/scripted.js';
import type { AggregateQuestion } from '../aggregation.js';

/** A probe, and where it is: in these processes, by their ids, or by wildcards in all. */
export interface Placed {
  probe: Probe;
  processes: (number | string)[];
}

/** Whatever process has the probe, also one that starts later. */
export const ANY_PROCESS = '[0-9]*';

/** How often it looks for what was printed, and says that it is there, in milliseconds. */
const READ_HZ = 20;
export const BEAT_MS = 100;

/** Bytes of a text, with the zero at its end, unless one is compared with a longer one. */
const TEXT_BYTES = 1024;

/** How many bytes a text may have, with the zero at its end. */
export function textBytes(condition: Condition | undefined): number {
  return Math.max(TEXT_BYTES, condition === undefined ? 0 : longestText(condition) + 2);
}

function longestText(condition: Condition): number {
  if (condition.type === 'comparison') return Buffer.byteLength(String(condition.value));
  if (condition.type === 'not') return longestText(condition.operand);
  return Math.max(longestText(condition.left), longestText(condition.right));
}

/**
 * D, for texts that are empty or at no address. DTrace for Linux 2.0.7 does not copy an empty one, but
 * says that its address is invalid.
 */
const SAFE: Language = {
  ...D,
  value(probe, argument, index) {
    const value = D.value(probe, argument, index);
    if (argument.kind !== 'text') return value;
    return `(arg${index} == 0 || *(char *)copyin(arg${index}, 1) == 0 ? "" : ${value})`;
  },
};

/**
 * Prints each event: its number among the probes, the time, who fired it, and its values. A text has
 * before it whether there is one.
 *
 * @param separator stands between any two of these, and must not be in any text; not the length: DTrace
 * for Linux 2.0.7 has wrong sums in aggregations after strlen()
 */
export function traceProgram(
  placed: readonly Placed[],
  wanted: readonly string[] | undefined,
  condition: Condition | undefined,
  separator: string,
): string {
  const clauses = placed.map(({ probe, processes }, index) => {
    const read = readable(probe, wanted).flatMap(({ name, kind }) => {
      const value = valueText(SAFE, probe, name);
      const format = kind === 'text' ? '%s' : kind === 'signed' ? '%d' : '%u';
      if (kind !== 'text') return [{ format, value }];
      return [
        { format: '%d', value: `arg${indexOf(probe, name)} != 0` },
        { format, value },
      ];
    });
    const fields = [...['timestamp', 'pid', 'tid'].map((value) => ({ format: '%d', value })), ...read];
    return `${places(probe, processes)}${predicate(kernelCondition(condition, probe), probe)}
{
  printf("${line(separator, 'event', String(index), ...fields.map(({ format }) => format))}", ${fields.map(({ value }) => value).join(', ')});
}`;
  });
  return [head(condition, separator), ...clauses].join('\n\n');
}

/** Arguments of a probe that are wanted and can be read, in the order in which they are printed. */
export function readable(probe: Probe, wanted: readonly string[] | undefined): Probe['arguments'] {
  return probe.arguments.filter(
    (argument) => (wanted?.includes(argument.name) ?? true) && isReadable(probe, argument.name),
  );
}

function isReadable(probe: Probe, name: string): boolean {
  if (argumentOf(probe, name)?.kind === 'bytes') return false;
  try {
    valueText(SAFE, probe, name);
    return true;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return false;
  }
}

/** @throws {CommandError} if a probe has an argument of these that D cannot read */
export function checkReadable(probes: readonly Probe[], names: readonly string[]): void {
  for (const probe of probes) for (const name of names) if (argumentOf(probe, name)) valueText(SAFE, probe, name);
}

/**
 * Counts in the kernel. What was counted since the beginning is printed so often, and at the end.
 *
 * @param every in milliseconds
 * @throws {CommandError} if D cannot say it
 */
export function countProgram(
  placed: readonly Placed[],
  { by, value, condition }: AggregateQuestion,
  every: number | undefined,
  separator: string,
): string {
  const prints: string[] = [];
  const clauses = placed.map(({ probe, processes }, index) => {
    const keys = by.map((name) => valueText(SAFE, probe, name));
    const target = keys.length === 0 ? '' : `[${keys.join(', ')}]`;
    const formats = by.map((name) => ({ text: '%s', signed: '%d' })[argumentOf(probe, name)!.kind as string] ?? '%u');
    prints.push(`printa("${line(separator, 'count', String(index), ...formats, '%@d')}", @count${index});`);
    const counted = value === undefined ? 'count()' : `quantize(${valueText(SAFE, probe, value)})`;
    const before = `${places(probe, processes)}${predicate(condition, probe)}`;
    return `${before}\n{\n  @count${index}${target} = ${counted};\n}`;
  });
  const intervals = every === undefined ? [] : [`tick-${Math.max(1, Math.round(every))}ms`];
  const printing = `${[...intervals, 'END'].join(',\n')}\n{\n  ${prints.join('\n  ')}\n}`;
  return [head(condition, separator), ...clauses, printing].join('\n\n');
}

/** Whether D can say all of it. */
export function isSayable(condition: Condition | undefined, probes: readonly Probe[]): boolean {
  return probes.every((probe) => condition === undefined || kernelCondition(condition, probe) === condition);
}

/** As much of a condition as D can say of a probe; what it does not hold for, the whole does not either. */
function kernelCondition(condition: Condition | undefined, probe: Probe): Condition | undefined {
  if (condition === undefined) return undefined;
  try {
    conditionText(SAFE, condition, probe);
    return condition;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (condition.type !== 'and') return undefined;
    const [left, right] = [kernelCondition(condition.left, probe), kernelCondition(condition.right, probe)];
    return left && right ? { type: 'and', left, right } : (left ?? right);
  }
}

/** Options, and what shows that it traces, and how its clock goes. */
function head(condition: Condition | undefined, separator: string): string {
  return `#pragma D option quiet
#pragma D option switchrate=${READ_HZ}hz
#pragma D option aggrate=${READ_HZ}hz
#pragma D option strsize=${textBytes(condition)}

BEGIN
{
  printf("${line(separator, 'begin', '%d', '%d')}", timestamp, walltimestamp);
}

tick-${BEAT_MS}ms
{
  printf("${line(separator, 'beat', '%d')}", timestamp);
}`;
}

/** A record, which begins and ends with a separator of its own. */
function line(separator: string, ...fields: string[]): string {
  return `${[...fields, 'end'].join(separator)}${separator}\\n`;
}

function places(probe: Probe, processes: readonly (number | string)[]): string {
  return processes.map((process) => dAddress(probe, process)).join(',\n');
}

function predicate(condition: Condition | undefined, probe: Probe): string {
  return condition === undefined ? '' : `\n/${conditionText(SAFE, condition, probe)}/`;
}

function indexOf(probe: Probe, name: string): number {
  return probe.arguments.findIndex((argument) => argument.name === name);
}
