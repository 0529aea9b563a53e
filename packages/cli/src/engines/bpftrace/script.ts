// A question in bpftrace's language.
import { CommandError } from '../../error.js';
import { type Argument, BUILT_IN, type Probe, type TracedObject } from '../../model.js';
import { argumentOf } from '../../question/question.js';
import type { Condition } from '../../question/where.js';
import type { AggregateQuestion } from '../aggregation.js';
import { placeOf } from '../operand-place.js';

/** A question about one probe, of one object. */
export interface Asked {
  object: TracedObject;
  probe: Probe;
}

/** bpftrace gives the first arguments names of their own: as many as x86-64 has registers for. */
const MOST_NUMBERED = 6;

/** For output that is parsed, and not for people. */
export interface ParsedOutput {
  /** Stands between two keys, between which bpftrace prints a comma. */
  separator: bigint;
  /** A second map, with the upper half of what has more than 32 bits: `hist` knows no more in 0.17. */
  upperMap: string;
}

/**
 * The bytes of text that bpftrace takes, by the number of texts in an action: what fits onto BPF's
 * stack of 512 bytes (measured with 0.17).
 */
const TEXT_BYTES = [197, 197, 162, 122, 96, 79];

/** @throws {CommandError} if these are too many */
export function textBytes(probes: readonly Probe[], by: readonly string[]): number {
  const texts = Math.max(
    ...probes.map((probe) => by.filter((name) => argumentOf(probe, name)?.kind === 'text').length),
  );
  const bytes = TEXT_BYTES[texts];
  if (bytes === undefined) throw cannot(`have more than ${TEXT_BYTES.length - 1} texts as keys`);
  return bytes;
}

/** What counts the fires of a probe in the map `@NAME`, or puts the values of an argument into it. */
export function aggregateAction(
  { object, probe }: Asked,
  { by, value, condition }: AggregateQuestion,
  map: string,
  pids: readonly number[] | undefined,
  parsed?: ParsedOutput,
): string {
  const keys = by.map((name) => expressionOf(probe, name, object));
  const key = keys.join(parsed ? `, ${parsed.separator}, ` : ', ');
  const at = (name: string) => (keys.length === 0 ? `@${name}` : `@${name}[${key}]`);
  const before = `${attachPoint({ object, probe })}${predicate({ object, probe }, condition, pids)}`;
  if (value === undefined) return `${before}\n{\n  ${at(map)} = count();\n}`;
  const read = expressionOf(probe, value, object);
  if (!parsed) return `${before}\n{\n  ${at(map)} = hist(${read});\n}`;
  return `${before}
{
  $upper = (${read} >> 32) & 0xffffffff;
  if ($upper == 0) { ${at(map)} = hist(${read}); } else { ${at(parsed.upperMap)} = hist($upper); }
}`;
}

/** `usdt:PATH:smtp:session__done`; the function of a probe that has no SDT note. */
export function attachPoint({ object, probe }: Asked): string {
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
    case 'comparison': {
      const { argument, operator, value } = condition;
      const left = expressionOf(probe, argument, object);
      if (operator === '~') throw cannot('compare with wildcards');
      if (typeof value === 'string') {
        if (Buffer.byteLength(value) >= TEXT_BYTES.at(-1)!) throw cannot('compare with so long a text');
        return `${left} ${operator} "${value.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`;
      }
      if (typeof value === 'number') throw cannot('compare with fractions');
      const number = BigInt(value);
      if (number !== BigInt.asIntN(64, number)) throw cannot(`compare with ${number}`);
      return `${left} ${operator} ${number}`;
    }
  }
}

/** An argument to be printed, with bytes as such. */
export function argumentText(probe: Probe, name: string, object: TracedObject): string {
  const index = probe.arguments.findIndex((argument) => argument.name === name);
  const argument = probe.arguments[index]!;
  if (argument.kind !== 'bytes') return expressionOf(probe, name, object);
  return `buf(${rawValue(probe, argument, object)}, ${rawValue(probe, probe.arguments[index + 1]!, object)})`;
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
  const type = `${argument.kind === 'signed' ? '' : 'u'}int${bits}`;
  // Of a note it knows how wide an argument is and whether it has a sign.
  if (index < MOST_NUMBERED) return hasNotes || bits === 64 ? `arg${index}` : `(${type})arg${index}`;
  const place = placeOf(argument.operand, architecture);
  if (place?.type !== 'memory') throw cannot(`read argument ${index} of a probe`);
  return `*(${type} *)(reg("${place.register}") + ${place.distance})`;
}

function cannot(what: string): CommandError {
  return new CommandError('missing', `bpftrace cannot ${what}`);
}
