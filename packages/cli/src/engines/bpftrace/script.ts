// A question in bpftrace's language.
import type { Selection } from '../../discovery/select.js';
import { CommandError } from '../../error.js';
import { type Argument, BUILT_IN, type Probe, type TracedObject } from '../../model.js';
import { quoted } from '../../output/escape.js';
import { checkNames } from '../../question/names.js';
import { argumentOf } from '../../question/question.js';
import type { Condition, Operator } from '../../question/where.js';
import { prefixOf, wholeComparison } from '../../question/whole-numbers.js';
import type { AggregateQuestion } from '../aggregation.js';
import { placeOf } from '../operand-place.js';

/** A question about one probe, of one object. */
export interface Asked {
  object: TracedObject;
  probe: Probe;
}

export function askedOf(selections: readonly Selection[]): Asked[] {
  return selections.flatMap(({ object, probes }) => probes.map((probe) => ({ object, probe })));
}

/** bpftrace gives the first arguments names of their own: as many as x86-64 has registers for. */
const MOST_NUMBERED = 6;

/** 0.17 takes no more for a text, with the zero at its end. */
const MOST_TEXT_BYTES = 197;
const FEWEST_TEXT_BYTES = 64;
/** Of the 512 that BPF's stack has, measured with 0.17. */
const STACK_BYTES = 460;

/**
 * So many bytes a text may have, with the zero at its end, so that all fit onto BPF's stack: those of
 * a key, or of what is printed, and the last one that was read once more.
 *
 * @param texts how many there are at once
 * @param numbers how many numbers stand between them
 * @param condition its texts are compared with such, and must not be longer
 * @throws {CommandError} if these are too many, or too long
 */
export function textBytes(texts: number, numbers: number, condition: Condition | undefined): number {
  const room = Math.floor((STACK_BYTES - 8 * numbers) / (texts + 1));
  if (room < FEWEST_TEXT_BYTES) throw cannot('have so many texts and numbers at once');
  const bytes = Math.min(room, MOST_TEXT_BYTES);
  if (condition && longestText(condition) >= bytes) throw cannot('compare with so long a text');
  return bytes;
}

function longestText(condition: Condition): number {
  if (condition.type === 'comparison') return Buffer.byteLength(String(condition.value));
  if (condition.type === 'not') return longestText(condition.operand);
  return Math.max(longestText(condition.left), longestText(condition.right));
}

/** What counts the fires of a probe in the map `@NAME`, or puts the values of an argument into it. */
export function aggregateAction(
  asked: Asked,
  { by, value, condition }: AggregateQuestion,
  map: string,
  pids: readonly number[] | undefined,
): string {
  const keys = by.map((name) => expressionOf(asked.probe, name, asked.object));
  const target = keys.length === 0 ? `@${map}` : `@${map}[${keys.join(', ')}]`;
  const counted = value === undefined ? 'count()' : `hist(${expressionOf(asked.probe, value, asked.object)})`;
  return `${before(asked, condition, pids)}\n{\n  ${target} = ${counted};\n}`;
}

/**
 * The same for output that is parsed, and not for people. The bucket of a value, by {@link bucketOf},
 * is the last key: what `hist` prints depends on the version. 0.17 has buckets for 32 bits, and 0.27
 * writes counts as hexadecimal digits behind a text that has other characters than ASCII's.
 *
 * @param separator stands between two keys, between which bpftrace prints a comma
 */
export function countingAction(
  asked: Asked,
  { by, value, condition }: AggregateQuestion,
  map: string,
  pids: readonly number[] | undefined,
  separator: bigint,
): string {
  const keys = by.map((name) => expressionOf(asked.probe, name, asked.object));
  if (value !== undefined) keys.push('$bucket');
  const target = keys.length === 0 ? `@${map}` : `@${map}[${keys.join(`, ${separator}, `)}]`;
  const statements = [
    ...(value === undefined ? [] : findBucket(expressionOf(asked.probe, value, asked.object))),
    `${target} = count();`,
  ];
  return `${before(asked, condition, pids)}\n{\n  ${statements.join('\n  ')}\n}`;
}

/** How many numbers {@link countingAction} has in a key, and in variables. */
export function numbersOf(probe: Probe, { by, value }: AggregateQuestion): number {
  const numbers = by.filter((name) => argumentOf(probe, name)?.kind !== 'text').length;
  const separators = Math.max(by.length - 1, 0);
  return numbers + separators + (value === undefined ? 0 : 4);
}

/** Puts the number of binary digits of a value into `$bucket`; of what is below zero, that is 64. */
function findBucket(value: string): string[] {
  const halves = [32, 16, 8, 4, 2, 1].map(
    (bits) => `if (($rest >> ${bits}) != 0) { $bucket += ${bits}; $rest = $rest >> ${bits}; }`,
  );
  return [`$rest = (uint64)${value};`, '$bucket = (uint64)0;', ...halves, '$bucket += $rest;'];
}

function before(asked: Asked, condition: Condition | undefined, pids: readonly number[] | undefined): string {
  return `${attachPoint(asked)}${predicate(asked, condition, pids)}`;
}

/** `usdt:PATH:smtp:session__done`; the function of a probe that has no SDT note. */
export function attachPoint({ object, probe }: Asked): string {
  checkNames('bpftrace', probe);
  const path = /^[\w./-]+$/.test(object.path) ? object.path : `"${object.path}"`;
  return object.hasNotes ? `usdt:${path}:${probe.provider}:${probe.name}` : `uprobe:${path}:${probe.symbol}`;
}

/** ` /CONDITION/`, or nothing. */
export function predicate(
  { object, probe }: Asked,
  condition: Condition | undefined,
  pids: readonly number[] | undefined,
): string {
  const parts = [
    ...(pids ? [pids.map((pid) => `pid == ${pid}`).join(' || ')] : []),
    ...(condition ? [conditionText(condition, probe, object)] : []),
  ];
  if (parts.length === 0) return '';
  return `\n/${parts.length === 1 ? parts[0] : parts.map((part) => `(${part})`).join(' && ')}/`;
}

/** @throws {CommandError} if bpftrace cannot say it */
function conditionText(condition: Condition, probe: Probe, object: TracedObject): string {
  switch (condition.type) {
    case 'not':
      return `!(${conditionText(condition.operand, probe, object)})`;
    case 'and':
    case 'or': {
      const [left, right] = [condition.left, condition.right].map((each) => conditionText(each, probe, object));
      return `(${left}) ${condition.type === 'and' ? '&&' : '||'} (${right})`;
    }
    case 'comparison':
      return comparisonText(condition, probe, object);
  }
}

function comparisonText(comparison: Condition & { type: 'comparison' }, probe: Probe, object: TracedObject): string {
  const { argument: name, operator, value } = comparison;
  const left = expressionOf(probe, name, object);
  if (typeof value === 'string') return textComparison(left, operator, value);
  const argument = argumentOf(probe, name)!;
  // It takes a pid for a number without a sign.
  const whole = wholeComparison(comparison, BUILT_IN.includes(argument) ? { kind: 'unsigned' } : argument);
  return typeof whole === 'boolean' ? String(Number(whole)) : `${left} ${whole.operator} ${whole.value}`;
}

function textComparison(left: string, operator: Operator, value: string): string {
  if (operator !== '~') return `${left} ${operator} ${quoted(value)}`;
  if (!/[*?]/.test(value)) return `${left} == ${quoted(value)}`;
  const prefix = prefixOf(value);
  if (prefix === undefined) throw cannot('compare with other wildcards than * at the end');
  return prefix === '' ? '1' : `strncmp(${left}, ${quoted(prefix)}, ${Buffer.byteLength(prefix)}) == 0`;
}

/** An argument to be printed, with bytes as such. */
export function argumentText(probe: Probe, name: string, object: TracedObject): string {
  const index = probe.arguments.findIndex((argument) => argument.name === name);
  const argument = probe.arguments[index]!;
  // A format says itself whether what is printed has a sign.
  const value = printedValue(probe, argument, object);
  if (argument.kind === 'text') return `str(${value})`;
  return argument.kind === 'bytes'
    ? `buf(${value}, ${printedValue(probe, probe.arguments[index + 1]!, object)})`
    : value;
}

/** How it is printed. */
export function formatOf({ kind, operand }: Argument): string {
  const isWide = Math.abs(operand.size) === 8 || operand.size === 0;
  const number = `%${isWide ? 'll' : ''}${kind === 'signed' ? 'd' : 'u'}`;
  return { text: '%s', bytes: '%r', pointer: '%p' }[kind as string] ?? number;
}

function printedValue(probe: Probe, argument: Argument, object: TracedObject): string {
  return rawValue(probe, argument, object).replace(/^\(u?int64\)(?=arg\d+$|\*)/, '');
}

/** An argument in bpftrace's language. */
function expressionOf(probe: Probe, name: string, object: TracedObject): string {
  const argument = argumentOf(probe, name)!;
  if (BUILT_IN.includes(argument)) return name;
  const value = rawValue(probe, argument, object);
  if (argument.kind === 'text') return `str(${value})`;
  if (argument.kind === 'bytes' || argument.kind === 'float') throw cannot(`read a ${argument.type}`);
  return value;
}

function rawValue(probe: Probe, argument: Argument, { architecture, hasNotes }: TracedObject): string {
  const index = probe.arguments.indexOf(argument);
  const bits = 8 * (Math.abs(argument.operand.size) || 8);
  const isSigned = argument.kind === 'signed';
  if (index < MOST_NUMBERED && (argument.kind === 'text' || argument.kind === 'bytes')) return `arg${index}`;
  if (index < MOST_NUMBERED) {
    // Of a note it knows how wide an argument is. Whether what it reads has a sign depends on the
    // version, before it is told; and that a narrower type has none, a cast would forget.
    const isWhole = hasNotes || bits === 64;
    if (isSigned) return isWhole ? `(int64)arg${index}` : `(int64)(int${bits})arg${index}`;
    return isWhole ? `(uint64)arg${index}` : `((uint64)arg${index} & 0x${'f'.repeat(bits / 4)})`;
  }
  const place = placeOf(argument.operand, architecture);
  if (place?.type !== 'memory') throw cannot(`read argument ${index} of a probe`);
  const value = `*(${isSigned ? '' : 'u'}int${bits} *)(reg("${place.register}") + ${place.distance})`;
  return isSigned && bits < 64 ? `(int64)${value}` : value;
}

function cannot(what: string): CommandError {
  return new CommandError('missing', `bpftrace cannot ${what}`);
}
