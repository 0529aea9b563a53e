// What dtrace prints of the programs in program.ts.
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
