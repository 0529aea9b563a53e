// What dtrace prints of the programs in program.ts, and what it says beside it.
import type { Argument, Probe } from '../../model.js';
import { argumentOf } from '../../question/question.js';
import { bucketOf, NEGATIVE } from '../aggregation.js';
import type { Value } from '../event.js';
import { readable } from './program.js';

/** A record: what it is, and its fields, as they were printed. */
export interface Printed {
  type: string;
  fields: string[];
}

/** Takes records out of what comes in pieces. Bytes are read one by one: texts may have any. */
export class RecordReader {
  private readonly separator: string;
  private readonly end: string;
  private rest = '';

  constructor(separator: string) {
    this.separator = separator;
    this.end = `${separator}end${separator}\n`;
  }

  /** @param piece in latin1 */
  read(piece: string): Printed[] {
    // The end of a record may have begun in what was there before.
    const searchFrom = Math.max(0, this.rest.length - this.end.length);
    this.rest += piece;
    const records: Printed[] = [];
    let from = 0;
    for (let at = this.rest.indexOf(this.end, searchFrom); at >= 0; at = this.rest.indexOf(this.end, from)) {
      const [first, ...fields] = this.rest.slice(from, at).split(this.separator) as [string, ...string[]];
      // dtrace may begin a line before it prints what it counted.
      records.push({ type: first.trim(), fields });
      from = at + this.end.length;
    }
    this.rest = this.rest.slice(from);
    return records;
  }
}

/** The values of an event, as many as the probe has arguments. @param fields what {@link readable} arguments had */
export function valuesOf(probe: Probe, wanted: readonly string[] | undefined, fields: readonly string[]): Value[] {
  const read = new Map<Argument, Value>();
  let at = 0;
  for (const argument of readable(probe, wanted)) {
    const isThere = argument.kind !== 'text' || fields[at++] === '1';
    const field = fields[at++]!;
    read.set(argument, isThere ? readValue(argument, field) : undefined);
  }
  return probe.arguments.map((argument) => read.get(argument));
}

/** The values that tell a group apart. */
export function keyOf(probe: Probe, by: readonly string[], fields: readonly string[]): Value[] {
  return by.map((name, index) => readValue(argumentOf(probe, name)!, fields[index]!));
}

function readValue({ kind, operand }: Argument, field: string): Value {
  if (kind === 'text') return Buffer.from(field, 'latin1').toString();
  // What has no sign may be printed as if it had one.
  const bits = 8 * (Math.abs(operand.size) || 8);
  const value = kind === 'signed' ? BigInt.asIntN(bits, BigInt(field)) : BigInt.asUintN(bits, BigInt(field));
  return kind === 'boolean' ? value !== 0n : bits === 64 ? value : Number(value);
}

/** The buckets of what quantize() prints: a line for each power of two, from which on values are in it. */
export function bucketsOf(printed: string, { kind }: Argument): Map<number, number> {
  const buckets = new Map<number, number>();
  for (const [, least, count] of printed.matchAll(/^ *(-?\d+) +\|[@ ]*? +(\d+) *$/gm)) {
    if (count === '0') continue;
    // Numbers without a sign are taken for such with one.
    const bucket = least!.startsWith('-') ? (kind === 'signed' ? NEGATIVE : 64) : bucketOf(BigInt(least!));
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + Number(count));
  }
  return buckets;
}

/** What a line on stderr says. */
export type Said =
  /** Fires that are not in the output, or are not counted. */
  { type: 'lost'; what: 'events' | 'counts' | 'unreadable'; count: number } | { type: 'other'; text: string };

export function parseSaid(line: string): Said {
  const text = line.trim().replace(/^dtrace: /, '');
  // dt_handle.c of illumos has these, and of all that come from it.
  const [, drops, what] = /^(?:\[[^\]]*\] )?(\d+) (|aggregation )drops? on CPU/.exec(text) ?? [];
  if (drops !== undefined) return { type: 'lost', what: what === '' ? 'events' : 'counts', count: Number(drops) };
  if (/^error (?:on enabled probe ID|in \w+ for probe ID) /.test(text))
    return { type: 'lost', what: 'unreadable', count: 1 };
  return { type: 'other', text };
}

/** Why it does not trace, for people, with what to do. @param said what it wrote to stderr */
export function reasonOf(said: readonly string[], isRoot: boolean): string {
  const text = said.join('\n');
  if (/usage: dtrace .*\[-h \| -G\]|\[-h \| -G\]/.test(text)) {
    return 'dtrace is the script of SystemTap that makes C headers, not DTrace; install DTrace for Linux';
  }
  if (
    /requires additional privileges|run as root|permission denied|operation not permitted|insufficient privileges/i.test(
      text,
    ) ||
    (!isRoot && said.length > 0)
  ) {
    return `dtrace needs root${process.platform === 'sunos' ? ', or the privilege dtrace_user' : ''}`;
  }
  if (/DTrace device not available/i.test(text)) {
    return 'the system has not loaded DTrace; as root: kldload dtraceall';
  }
  const last = said.findLast((line) => /fail|invalid|cannot|could not|error/i.test(line)) ?? said.at(-1);
  if (/^No such process/.test(last ?? '')) return 'a process has ended, or another tracer holds it';
  return last === undefined ? 'it has ended' : last;
}
