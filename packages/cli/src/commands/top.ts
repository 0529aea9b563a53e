// sonde top: what a process does now, as tables that are renewed.
import { select } from '../discovery/select.js';
import { type AggregateQuestion, type Aggregating, Aggregation } from '../engines/aggregation.js';
import { aggregatingCommands, startAggregating } from '../engines/choose.js';
import { CommandError } from '../error.js';
import { printable } from '../output/escape.js';
import { json } from '../output/json.js';
import { liveOutput } from '../output/live.js';
import { style } from '../output/style.js';
import { table } from '../output/table.js';
import { ask, type QuestionOptions } from '../question/question.js';
import { showNanoseconds } from '../question/units.js';
import { type Row, TOPICS, type Topic } from './topics.js';
import { untilEnd } from './until-end.js';

export interface TopOptions extends QuestionOptions {
  /** In milliseconds. */
  every: number;
  duration?: number;
  json?: boolean;
  engine?: string;
  dryRun?: boolean;
}

const MOST_ROWS = 20;

/** @param words a target, if there are two, and what is asked for */
export async function top(words: readonly string[], options: TopOptions): Promise<void> {
  const name = words.at(-1)!;
  const topic = Object.hasOwn(TOPICS, name) ? TOPICS[name as keyof typeof TOPICS] : undefined;
  if (!topic || words.length > 2) {
    const what =
      words.length > 2 ? `${words.length} words were given` : `${JSON.stringify(name)} is nothing that is shown`;
    throw new CommandError('usage', `${what}; give [TARGET] and one of ${Object.keys(TOPICS).join(', ')}`);
  }
  const target = words.length === 2 ? { process: words[0]! } : {};
  const questions = topic.questions.map(({ probes, by, value }): AggregateQuestion => {
    const asked = ask((objects) => select(objects, probes), { ...options, ...target }, [...by, value]);
    return { ...asked, by, value, isSummed: true };
  });
  if (options.dryRun) {
    for (const question of questions) {
      process.stdout.write(await aggregatingCommands(question, options.engine, options.every));
    }
    return;
  }
  const live = options.json ? undefined : await liveOutput();
  const latest = questions.map(() => new Aggregation());
  let since = performance.now();
  const aggregatings: Aggregating[] = [];
  for (const [index, question] of questions.entries()) {
    const onInterval = (aggregation: Aggregation) => {
      latest[index] = aggregation;
      // The last of them completes it.
      if (index < questions.length - 1) return;
      const now = performance.now();
      show(topic, latest, (now - since) / 1000, live);
      since = now;
    };
    aggregatings.push(await startAggregating(question, options.engine, { every: options.every, onInterval }));
  }
  process.stderr.write(`sonde: tracing ${name}; Ctrl-C ends it\n`);
  const failure = await untilEnd(options.duration, ...aggregatings.map(({ failed }) => failed));
  live?.done();
  for (const aggregating of aggregatings) {
    for (const loss of (await aggregating.stop()).losses) process.stderr.write(`sonde: ${loss}\n`);
  }
  if (failure) throw failure;
}

function show(
  topic: Topic,
  aggregations: readonly Aggregation[],
  seconds: number,
  live: Awaited<ReturnType<typeof liveOutput>> | undefined,
): void {
  const rows = topic
    .rows(
      aggregations.map((each) => each.sorted()),
      seconds,
    )
    .sort((a, b) => b.weight - a.weight);
  if (!live) {
    console.log(json({ time: new Date().toISOString(), seconds, rows: rows.map(({ weight, ...row }) => row) }));
    return;
  }
  const shown = rows.slice(0, MOST_ROWS);
  const more = rows.length > MOST_ROWS ? `\n${style('dim', `and ${rows.length - MOST_ROWS} more`)}` : '';
  const cells = shown.map((row) => topic.columns.map((column) => cellOf(row, column)));
  const text =
    rows.length === 0
      ? `nothing in ${seconds.toFixed(1)} s`
      : `${table(topic.columns.map(titleOf), cells, RIGHT)}${more}`;
  live.show(text);
}

/** Numbers have their unit in their name. */
function cellOf(row: Row, column: string): string {
  const value = row[column];
  if (value === undefined) return '-';
  if (typeof value === 'string') return printable(value);
  if (column.endsWith('Ns')) return showNanoseconds(Math.round(value));
  if (column.endsWith('Share')) return `${(100 * value).toFixed(1)} %`;
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

const TITLES: Record<string, string> = {
  pid: 'PID',
  perSecond: '/S',
  p50Ns: 'P50 <',
  p99Ns: 'P99 <',
  totalNs: 'TIME',
  busyShare: 'BUSY',
};
const RIGHT = ['PID', '/S', 'P50 <', 'P99 <', 'TIME', 'BUSY', 'ERRORS', 'LINE', 'TURNS', 'LATE'];

function titleOf(column: string): string {
  return TITLES[column] ?? column.toUpperCase();
}
