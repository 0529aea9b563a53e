// sonde trace: events as they happen.
import { select } from '../discovery/select.js';
import { startTracing, tracingCommands } from '../engines/choose.js';
import { comparable, type Loss, lossTexts, type ProbeEvent, type Value } from '../engines/event.js';
import { CommandError } from '../error.js';
import { type Argument, fullName, type Probe } from '../model.js';
import { printable, printableValue } from '../output/escape.js';
import { json } from '../output/json.js';
import { style } from '../output/style.js';
import {
  argumentOf,
  argumentsText,
  ask,
  countProbes,
  type Question,
  type QuestionOptions,
} from '../question/question.js';
import { showNumber } from '../question/units.js';
import { argumentsOf, type Condition, holds } from '../question/where.js';
import { untilAnswered } from './until-end.js';

export interface TraceOptions extends QuestionOptions {
  fields?: string[];
  /** In milliseconds. */
  duration?: number;
  limit: boolean;
  json?: boolean;
  engine?: string;
  dryRun?: boolean;
}

/** So many events are printed in a second, unless all are wanted: nobody reads more. */
const MOST_A_SECOND = 1000;

export async function trace(patterns: readonly string[], options: TraceOptions): Promise<void> {
  const question = ask((objects) => select(objects, patterns), options);
  checkFields(question, options.fields);
  if (options.fields)
    question.wanted = [...options.fields, ...(question.condition ? argumentsOf(question.condition) : [])];
  if (options.dryRun) {
    process.stdout.write(await tracingCommands(question, options.engine));
    return;
  }
  const printer = new Printer(options, question.condition);
  const tracing = await startTracing(question, options.engine, (events) => printer.print(events));
  const count = countProbes(question);
  const remark = tracing.remark === undefined ? '' : ` (${tracing.remark})`;
  // Who reads the message may end it.
  const end = untilAnswered(question, options.duration, tracing.failed);
  process.stderr.write(`sonde: tracing ${count} ${count === 1 ? 'probe' : 'probes'}${remark}; Ctrl-C ends it\n`);
  const failure = await end;
  printer.end(await tracing.stop());
  if (failure) throw failure;
}

function checkFields({ selections }: Question, fields: readonly string[] | undefined): void {
  const probes = selections.flatMap((selection) => selection.probes);
  for (const field of fields ?? []) {
    if (probes.some((probe) => argumentOf(probe, field))) continue;
    throw new CommandError(
      'usage',
      `--fields: no probe that is traced has an argument ${printable(field)}; ${argumentsText(probes[0]!)}`,
    );
  }
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
      if (this.condition && !holds(this.condition, (name) => comparable(event, name))) continue;
      if (this.options.limit && !this.isWithinLimit(event)) continue;
      text += `${this.options.json ? this.line(event) : this.text(event)}\n`;
    }
    process.stdout.write(text);
  }

  end(loss: Loss): void {
    this.tellDropped();
    if (this.options.json && loss.noRoom + loss.tooLong + (loss.unreadable ?? 0) > 0)
      process.stdout.write(`${json({ lost: loss })}\n`);
    for (const text of lossTexts(loss)) process.stderr.write(`sonde: ${text}\n`);
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

function showValue(value: Value, { unit }: Argument): string {
  if (value === undefined) return '?';
  if (typeof value === 'string') return printableValue(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'boolean' ? String(value) : showNumber(value, unit);
}
