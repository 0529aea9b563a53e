// sonde trace: events as they happen.
import { findProbes } from '../discovery/find.js';
import { type Selection, select } from '../discovery/select.js';
import { nobody, parseTarget } from '../discovery/target.js';
import type { ProbeEvent, Value } from '../engines/event.js';
import { TracefsTracing } from '../engines/tracefs/tracefs.js';
import { CommandError } from '../error.js';
import { type Argument, fullName, type Probe } from '../model.js';
import { printable, printableValue } from '../output/escape.js';
import { json } from '../output/json.js';
import { style } from '../output/style.js';
import { showNumber } from '../question/units.js';
import { type Condition, holds, missingArgument, parseCondition } from '../question/where.js';
import { untilEnd } from './until-end.js';

export interface TraceOptions {
  process?: string;
  where?: string;
  fields?: string[];
  duration?: number;
  limit: boolean;
  json?: boolean;
}

/** So many events are printed in a second, unless all are wanted: nobody reads more. */
const MOST_A_SECOND = 1000;

export async function trace(patterns: readonly string[], options: TraceOptions): Promise<void> {
  const condition = options.where === undefined ? undefined : parseCondition(options.where);
  const { objects, processes, hidden } = findProbes(options.process);
  if (objects.length === 0) {
    const target = options.process === undefined ? undefined : parseTarget(options.process);
    throw new CommandError(
      'nothing',
      `${nobody(target)} has probes${hidden > 0 ? `; ${hidden} processes were not looked into, which needs root` : ''}`,
    );
  }
  const selections = askable(select(objects, patterns), condition);
  checkFields(selections, options.fields);
  const printer = new Printer(options, condition);
  const tracing = new TracefsTracing(selections, {
    pids: options.process === undefined ? undefined : processes.map(({ pid }) => pid),
    condition,
    onEvents: (events) => printer.print(events),
  });
  if (!options.json) {
    const count = selections.reduce((sum, { probes }) => sum + probes.length, 0);
    process.stderr.write(`sonde: tracing ${count} ${count === 1 ? 'probe' : 'probes'}; Ctrl-C ends it\n`);
  }
  await untilEnd(options.duration);
  const lost = await tracing.stop();
  printer.end(lost);
}

/** Probes of which the condition can be asked. */
function askable(selections: readonly Selection[], condition: Condition | undefined): Selection[] {
  if (!condition) return [...selections];
  const missing = new Map<Probe, string>();
  for (const probe of selections.flatMap(({ probes }) => probes)) {
    const argument = missingArgument(condition, probe);
    if (argument !== undefined) missing.set(probe, argument);
  }
  const left = selections
    .map(({ object, probes }) => ({ object, probes: probes.filter((probe) => !missing.has(probe)) }))
    .filter(({ probes }) => probes.length > 0);
  if (left.length === 0) {
    const [[probe, argument]] = missing as unknown as [[Probe, string]];
    throw new CommandError('usage', `--where: ${fullName(probe)} has no argument ${argument}; ${argumentsText(probe)}`);
  }
  if (missing.size > 0) {
    const names = [...new Set([...missing.keys()].map(fullName))].join(', ');
    process.stderr.write(`sonde: not traced, since they lack an argument of --where: ${printable(names)}\n`);
  }
  return left;
}

function checkFields(selections: readonly Selection[], fields: readonly string[] | undefined): void {
  const probes = selections.flatMap((selection) => selection.probes);
  for (const field of fields ?? []) {
    if (probes.some((probe) => probe.arguments.some(({ name }) => name === field))) continue;
    throw new CommandError(
      'usage',
      `--fields: no probe that is traced has an argument ${field}; ${argumentsText(probes[0]!)}`,
    );
  }
}

function argumentsText(probe: Probe): string {
  const names = probe.arguments.map(({ name }) => name).join(', ');
  return names === '' ? `${fullName(probe)} has none` : `${fullName(probe)} has ${names}`;
}

class Printer {
  private readonly options: TraceOptions;
  private readonly condition: Condition | undefined;
  /** From CLOCK_MONOTONIC to the time of day, in nanoseconds. */
  private readonly offset = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
  private second = 0n;
  private printed = 0;
  private dropped = 0;

  constructor(options: TraceOptions, condition: Condition | undefined) {
    this.options = options;
    this.condition = condition;
  }

  print(events: readonly ProbeEvent[]): void {
    let text = '';
    for (const event of events) {
      if (this.condition && !holds(this.condition, (name) => lookup(event, name))) continue;
      if (this.options.limit && !this.isWithinLimit(event)) continue;
      text += `${this.options.json ? this.line(event) : this.text(event)}\n`;
    }
    process.stdout.write(text);
  }

  end(lost: number): void {
    this.tellDropped();
    if (lost === 0) return;
    if (this.options.json) process.stdout.write(`${json({ lost })}\n`);
    else process.stderr.write(`sonde: ${lost} events were lost: they came faster than they could be read\n`);
  }

  private isWithinLimit({ time }: ProbeEvent): boolean {
    const second = time / 1_000_000_000n;
    if (second !== this.second) {
      this.tellDropped();
      this.second = second;
      this.printed = 0;
    }
    if (this.printed < MOST_A_SECOND) {
      this.printed++;
      return true;
    }
    this.dropped++;
    return false;
  }

  private tellDropped(): void {
    if (this.dropped === 0) return;
    if (this.options.json) process.stdout.write(`${json({ notPrinted: this.dropped })}\n`);
    else process.stderr.write(`sonde: ${this.dropped} more in this second, not printed; --no-limit prints all\n`);
    this.dropped = 0;
  }

  private line({ probe, time, pid, tid, values }: ProbeEvent): string {
    const wanted = this.wanted(probe);
    return json({
      time: this.timeOfDay(time),
      pid,
      tid,
      provider: probe.provider,
      probe: probe.name,
      arguments: Object.fromEntries(wanted.map((index) => [probe.arguments[index]!.name, values[index] ?? null])),
    });
  }

  private text({ probe, time, pid, values }: ProbeEvent): string {
    const list = this.wanted(probe).map((index) => {
      const argument = probe.arguments[index]!;
      return `${style('dim', `${printable(argument.name)}=`)}${showValue(values[index], argument)}`;
    });
    const clock = this.timeOfDay(time).slice(11, 26);
    return [style('dim', clock), String(pid).padStart(7), style('bold', printable(fullName(probe))), ...list].join(' ');
  }

  /** Indexes of the arguments that are printed. */
  private wanted(probe: Probe): number[] {
    const { fields } = this.options;
    const all = probe.arguments.map((_, index) => index);
    return fields ? all.filter((index) => fields.includes(probe.arguments[index]!.name)) : all;
  }

  /** As ISO 8601 has it, in UTC, with nanoseconds. */
  private timeOfDay(time: bigint): string {
    const ns = time + this.offset;
    const whole = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
    return `${whole}.${String(ns % 1_000_000_000n).padStart(9, '0')}Z`;
  }
}

function lookup({ probe, values }: ProbeEvent, name: string) {
  const value = values[probe.arguments.findIndex((argument) => argument.name === name)];
  return value instanceof Uint8Array ? undefined : value;
}

function showValue(value: Value, { unit }: Argument): string {
  if (value === undefined) return '?';
  if (typeof value === 'string') return printableValue(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'boolean' ? String(value) : showNumber(value, unit);
}
