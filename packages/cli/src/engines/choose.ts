// Which engine answers a question: the best that works here, or the one that was asked for.
import { CommandError } from '../error.js';
import type { Question } from '../question/question.js';
import type { AggregateQuestion, AggregatingEngine, StartAggregating } from './aggregation.js';
import { countEvents, eventsQuestion } from './counting.js';
import type { StartTracing, TracingEngine } from './event.js';
import type { Recorded, RecordingEngine, StackRecording } from './recording.js';

type Load<Engine> = () => Promise<Engine>;

/** Those that give events, the best first. */
const TRACING: Record<string, Load<TracingEngine>> = {
  tracefs: async () => (await import('./tracefs/tracefs.js')).tracefs,
  bpftrace: async () => (await import('./bpftrace/tracing.js')).bpftraceTracing,
  gdb: async () => (await import('./gdb/gdb.js')).gdb,
  dtrace: async () => (await import('./dtrace/dtrace.js')).dtraceTracing,
};

/** Those that count, the best first. */
const COUNTING: Record<string, Load<AggregatingEngine>> = {
  bpftrace: async () => (await import('./bpftrace/counting.js')).bpftraceCounting,
  tracefs: counting('tracefs'),
  gdb: counting('gdb'),
  dtrace: async () => (await import('./dtrace/dtrace.js')).dtraceCounting,
};

/** Those that record stacks, the best first. */
const RECORDING: Record<string, Load<RecordingEngine>> = {
  perf: async () => (await import('./perf/perf.js')).perf,
  bpftrace: async () => (await import('./bpftrace/sampling.js')).bpftraceSampling,
};

/** All of them, for the documentation. */
export const ENGINES = [...new Set([...Object.keys(COUNTING), ...Object.keys(RECORDING)])];

/**
 * @param name of the engine that was asked for
 * @throws {CommandError} if it cannot answer; without a name, if none can, with all reasons
 */
export async function startTracing(
  question: Question,
  name: string | undefined,
  onEvents: Parameters<StartTracing>[1],
): ReturnType<StartTracing> {
  return firstThatWorks(TRACING, name, (engine) => engine.start(question, onEvents));
}

/** The same for what is counted. */
export async function startAggregating(
  question: AggregateQuestion,
  name: string | undefined,
  options: Parameters<StartAggregating>[1],
): ReturnType<StartAggregating> {
  return firstThatWorks(COUNTING, name, (engine) => engine.start(question, options));
}

/** The same for stacks. */
export async function startRecording(recorded: Recorded, name: string | undefined): Promise<StackRecording> {
  return firstThatWorks(RECORDING, name, (engine) => engine.start(recorded));
}

/** What {@link startTracing} would run, as commands for a shell. */
export async function tracingCommands(question: Question, name: string | undefined): Promise<string> {
  return firstThatWorks(TRACING, name, (engine) => commandsOf(engine, name, () => engine.commands(question)));
}

/** What {@link startAggregating} would run. */
export async function aggregatingCommands(
  question: AggregateQuestion,
  name: string | undefined,
  every: number | undefined,
): Promise<string> {
  return firstThatWorks(COUNTING, name, (engine) => commandsOf(engine, name, () => engine.commands(question, every)));
}

/** What {@link startRecording} would run. */
export async function recordingCommands(
  recorded: Recorded,
  name: string | undefined,
  seconds: number,
): Promise<string> {
  return firstThatWorks(RECORDING, name, (engine) =>
    commandsOf(engine, name, () => engine.commands(recorded, seconds)),
  );
}

/** An engine that was asked for by its name need not be here. */
async function commandsOf(
  engine: { check(): void },
  name: string | undefined,
  commands: () => string,
): Promise<string> {
  if (name === undefined) engine.check();
  return commands();
}

function counting(name: keyof typeof TRACING): Load<AggregatingEngine> {
  return async () => {
    const engine = await TRACING[name]!();
    return {
      check: engine.check,
      commands: (question) => engine.commands(eventsQuestion(question)),
      start: (question, options) => countEvents(engine.start, question, options),
    };
  };
}

async function firstThatWorks<Engine, Result>(
  engines: Record<string, Load<Engine>>,
  name: string | undefined,
  use: (engine: Engine) => Promise<Result>,
): Promise<Result> {
  if (name !== undefined && !Object.hasOwn(engines, name)) {
    throw new CommandError(
      'usage',
      `--engine is ${JSON.stringify(name)}; give ${Object.keys(engines).join(', ')}, or leave it out`,
    );
  }
  const reasons: string[] = [];
  for (const [each, load] of Object.entries(engines)) {
    // DTrace is what other systems have, and the others are Linux's.
    if (name === undefined ? (each === 'dtrace') === (process.platform === 'linux') : each !== name) continue;
    try {
      const result = await use(await load());
      for (const reason of reasons) process.stderr.write(`sonde: ${reason}\n`);
      return result;
    } catch (error) {
      if (!(error instanceof CommandError) || name !== undefined) throw error;
      reasons.push(`not with ${each}: ${error.message}`);
    }
  }
  throw new CommandError('missing', reasons.join('\nsonde: '));
}
