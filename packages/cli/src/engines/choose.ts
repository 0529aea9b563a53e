// Which engine answers a question.
import { CommandError } from '../error.js';
import type { AggregateOptions, AggregateQuestion, Aggregating } from './aggregation.js';

export const ENGINES = ['tracefs'] as const;

/** @param name of the engine that was asked for @throws {CommandError} if it cannot answer */
export async function startAggregating(
  question: AggregateQuestion,
  name: string | undefined,
  options: AggregateOptions,
): Promise<Aggregating> {
  if (name !== undefined && name !== 'tracefs') throw unknownEngine(name);
  const { TracefsAggregating } = await import('./tracefs/aggregating.js');
  return new TracefsAggregating(question, options);
}

function unknownEngine(name: string): CommandError {
  return new CommandError('usage', `--engine is ${JSON.stringify(name)}; give ${ENGINES.join(', ')}, or leave it out`);
}
