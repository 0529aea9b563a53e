// What sonde count and sonde hist have in common.
import { type AggregateQuestion, Aggregation, type Group } from '../engines/aggregation.js';
import { aggregatingCommands, startAggregating } from '../engines/choose.js';
import type { Value } from '../engines/event.js';
import { fullName } from '../model.js';
import { printable } from '../output/escape.js';
import { json } from '../output/json.js';
import { style } from '../output/style.js';
import { argumentOf, countProbes, type QuestionOptions } from '../question/question.js';
import { showNumber } from '../question/units.js';
import { untilAnswered } from './until-end.js';

export interface AggregateCommandOptions extends QuestionOptions {
  by?: string[];
  /** In milliseconds. */
  duration?: number;
  every?: number;
  json?: boolean;
  engine?: string;
  dryRun?: boolean;
}

/** How groups are shown. */
export interface Shown {
  text(groups: readonly Group[]): string;
  json(group: Group): object;
}

/** Counts until the end, and shows what came: with `every`, of each interval, and then of all. */
export async function aggregate(
  question: AggregateQuestion,
  options: AggregateCommandOptions,
  shown: Shown,
): Promise<void> {
  if (options.dryRun) {
    process.stdout.write(await aggregatingCommands(question, options.engine, options.every));
    return;
  }
  const all = new Aggregation();
  const show = (aggregation: Aggregation) => {
    const groups = aggregation.sorted();
    const time = new Date().toISOString();
    if (options.json) console.log(json({ time, groups: groups.map(shown.json) }));
    else console.log(`${style('dim', time.slice(11, 19))}\n${groups.length === 0 ? 'nothing' : shown.text(groups)}\n`);
  };
  const aggregating = await startAggregating(question, options.engine, {
    every: options.every,
    onInterval: (aggregation) => {
      all.addAll(aggregation);
      show(aggregation);
    },
  });
  const probes = countProbes(question);
  const remark = aggregating.remark === undefined ? '' : ` (${aggregating.remark})`;
  // Who reads the message may end it.
  const end = untilAnswered(question, options.duration, aggregating.failed);
  process.stderr.write(`sonde: counting ${probes} ${probes === 1 ? 'probe' : 'probes'}${remark}; Ctrl-C ends it\n`);
  const failure = await end;
  const { rest, losses } = await aggregating.stop();
  all.addAll(rest);
  const groups = all.sorted();
  if (options.json) console.log(json({ total: true, groups: groups.map(shown.json), losses }));
  else console.log(groups.length === 0 ? 'nothing happened' : shown.text(groups));
  for (const loss of losses) process.stderr.write(`sonde: ${loss}\n`);
  if (failure) throw failure;
}

/** Names of the columns of {@link keyCells}. */
export function columns(question: AggregateQuestion): string[] {
  return [...(isProbeShown(question) ? ['PROBE'] : []), ...question.by.map((name) => printable(name).toUpperCase())];
}

/** What tells a group apart, for a table. */
export function keyCells(question: AggregateQuestion, { probe, key }: Group): string[] {
  const values = key.map((value, index) => showKey(value, argumentOf(probe, question.by[index]!)?.unit));
  return [...(isProbeShown(question) ? [printable(fullName(probe))] : []), ...values];
}

export function keyJson(question: AggregateQuestion, { probe, key }: Group): object {
  const by = Object.fromEntries(question.by.map((name, index) => [name, key[index] ?? null]));
  return { provider: probe.provider, probe: probe.name, ...(question.by.length > 0 && { by }) };
}

/** Where there is nothing else, or several. */
function isProbeShown(question: AggregateQuestion): boolean {
  return question.by.length === 0 || countProbes(question) > 1;
}

function showKey(value: Value, unit: Parameters<typeof showNumber>[1]): string {
  if (value === undefined) return '?';
  if (typeof value === 'string') return value === '' ? '""' : printable(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'boolean' ? String(value) : showNumber(value, unit);
}
