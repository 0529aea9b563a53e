// sonde top: what a process does now, as tables that are renewed.
import type { Selection } from '../discovery/select.js';
import { Aggregation } from '../engines/aggregation.js';
import { startTracing, tracingCommands } from '../engines/choose.js';
import { countEvent } from '../engines/counting.js';
import { lossTexts } from '../engines/event.js';
import { CommandError } from '../error.js';
import type { TracedObject } from '../model.js';
import { printable } from '../output/escape.js';
import { json } from '../output/json.js';
import { liveOutput } from '../output/live.js';
import { style } from '../output/style.js';
import { table } from '../output/table.js';
import { ask, type QuestionOptions } from '../question/question.js';
import { showNanoseconds } from '../question/units.js';
import { type Row, TOPICS, type Topic } from './topics.js';
import { untilAnswered } from './until-end.js';

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
  const question = ask((objects) => choose(objects, topic), { ...options, ...target });
  question.wanted = topic.questions.flatMap(({ by, value }) => [...by, value]);
  if (options.dryRun) {
    process.stdout.write(await tracingCommands(question, options.engine));
    return;
  }
  const live = options.json ? undefined : await liveOutput();
  // All of them are counted from the same events: a process takes one gdb, and no more.
  let counted = topic.questions.map(() => new Aggregation());
  const tracing = await startTracing(question, options.engine, (events) => {
    for (const event of events) {
      for (const [index, { probes, ...each }] of topic.questions.entries()) {
        if (probes.includes(event.probe.name)) countEvent(counted[index]!, event, { ...each, condition: undefined });
      }
    }
  });
  const remark = tracing.remark === undefined ? '' : ` (${tracing.remark})`;
  process.stderr.write(`sonde: tracing ${name}${remark}; Ctrl-C ends it\n`);
  let since = performance.now();
  const timer = setInterval(next, options.every);
  const failure = await untilAnswered(question, options.duration, tracing.failed);
  clearInterval(timer);
  const losses = lossTexts(await tracing.stop());
  // What came after the last interval is one, too.
  if (counted.some((each) => each.sorted().length > 0)) next();
  live?.done();
  for (const loss of losses) process.stderr.write(`sonde: ${loss}\n`);
  if (failure) throw failure;

  function next(): void {
    const now = performance.now();
    show(topic!, counted, (now - since) / 1000, live);
    since = now;
    counted = counted.map(() => new Aggregation());
  }
}

/** @throws {CommandError} if there are none */
function choose(objects: readonly TracedObject[], { questions }: Topic): Selection[] {
  const names = questions.flatMap(({ probes }) => probes);
  const selections = objects
    .map((object) => ({
      object,
      probes: object.probes.filter((probe) => probe.provider === 'node' && names.includes(probe.name)),
    }))
    .filter(({ probes }) => probes.length > 0);
  if (selections.length > 0) return selections;
  throw new CommandError(
    'nothing',
    'what is shown comes from probes of @sonde/node, and there are none; start the program by node --import @sonde/node/register',
  );
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
