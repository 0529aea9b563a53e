// Counting in this process what an engine gives events of.
import type { Question } from '../question/question.js';
import { argumentsOf, holds } from '../question/where.js';
import { type AggregateOptions, type AggregateQuestion, type Aggregating, Aggregation } from './aggregation.js';
import { comparable, lossTexts, type ProbeEvent, readValue, type StartTracing, type Tracing } from './event.js';

/** Which events are needed, and what of them. */
export function eventsQuestion(question: AggregateQuestion): Question {
  const { by, value, condition } = question;
  return {
    ...question,
    wanted: [...by, ...(value === undefined ? [] : [value]), ...(condition ? argumentsOf(condition) : [])],
  };
}

export async function countEvents(
  start: StartTracing,
  question: AggregateQuestion,
  { every, onInterval }: AggregateOptions,
): Promise<Aggregating> {
  let aggregation = new Aggregation();
  const tracing: Tracing = await start(eventsQuestion(question), add);
  const timer = every === undefined ? undefined : setInterval(() => onInterval(take()), every);
  return {
    ...(tracing.remark !== undefined && { remark: tracing.remark }),
    failed: tracing.failed,
    async stop() {
      clearInterval(timer);
      const losses = lossTexts(await tracing.stop());
      return { rest: take(), losses };
    },
  };

  function take(): Aggregation {
    const taken = aggregation;
    aggregation = new Aggregation();
    return taken;
  }

  function add(events: readonly ProbeEvent[]): void {
    for (const event of events) countEvent(aggregation, event, question);
  }
}

/** Counts an event as a question asks for it. */
export function countEvent(
  aggregation: Aggregation,
  event: ProbeEvent,
  { by, value, condition }: Pick<AggregateQuestion, 'by' | 'value' | 'condition'>,
): void {
  if (condition && !holds(condition, (name) => comparable(event, name))) return;
  const key = by.map((name) => readValue(event, name));
  const counted = value === undefined ? undefined : comparable(event, value);
  const isNumber = typeof counted === 'bigint' || typeof counted === 'number';
  aggregation.add(event.probe, key, isNumber ? counted : undefined);
}
