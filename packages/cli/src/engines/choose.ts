// Which engine answers a question: the best that works here, or the one that was asked for.
import { CommandError } from '../error.js';
import type { Question } from '../question/question.js';
import type { AggregateOptions, AggregateQuestion, Aggregating } from './aggregation.js';
import { countEvents } from './counting.js';
import type { ProbeEvent, StartTracing, Tracing } from './event.js';

/** Those that give events, the best first. */
const TRACING: Record<string, StartTracing> = {
  tracefs: async (question, onEvents) => {
    const { TracefsTracing } = await import('./tracefs/tracefs.js');
    return new TracefsTracing(question, onEvents);
  },
  gdb: async (question, onEvents) => (await import('./gdb/gdb.js')).traceWithGdb(question, onEvents),
};

/** Those that count, the best first. */
const COUNTING: Record<string, (question: AggregateQuestion, options: AggregateOptions) => Promise<Aggregating>> = {
  bpftrace: async (question, options) => (await import('./bpftrace/bpftrace.js')).countWithBpftrace(question, options),
  tracefs: (question, options) => countEvents(TRACING.tracefs!, question, options),
  gdb: (question, options) => countEvents(TRACING.gdb!, question, options),
};

/** All of them, for the documentation. */
export const ENGINES = Object.keys(COUNTING);

/**
 * @param name of the engine that was asked for
 * @throws {CommandError} if it cannot answer; without a name, if none can, with all reasons
 */
export async function startTracing(
  question: Question,
  name: string | undefined,
  onEvents: (events: ProbeEvent[]) => void,
): Promise<Tracing> {
  return firstThatWorks(TRACING, name, (start) => start(question, onEvents));
}

/** The same for what is counted. */
export async function startAggregating(
  question: AggregateQuestion,
  name: string | undefined,
  options: AggregateOptions,
): Promise<Aggregating> {
  // bpftrace keeps no sums beside its intervals.
  const { bpftrace: _, ...summing } = COUNTING;
  return firstThatWorks(question.isSummed ? summing : COUNTING, name, (start) => start(question, options));
}

async function firstThatWorks<Start, Started>(
  engines: Record<string, Start>,
  name: string | undefined,
  start: (engine: Start) => Promise<Started>,
): Promise<Started> {
  if (name !== undefined && !Object.hasOwn(engines, name)) {
    throw new CommandError(
      'usage',
      `--engine is ${JSON.stringify(name)}; give ${Object.keys(engines).join(', ')}, or leave it out`,
    );
  }
  const reasons: string[] = [];
  for (const [each, engine] of Object.entries(engines)) {
    if (name !== undefined && each !== name) continue;
    try {
      const started = await start(engine);
      for (const reason of reasons) process.stderr.write(`sonde: ${reason}\n`);
      return started;
    } catch (error) {
      if (!(error instanceof CommandError) || name !== undefined) throw error;
      reasons.push(`not with ${each}: ${error.message}`);
    }
  }
  throw new CommandError('missing', reasons.join('\nsonde: '));
}
