// Counting in this process what an engine gives events of.
import { argumentsOf, holds } from '../question/where.js';
import { type AggregateOptions, type AggregateQuestion, type Aggregating, Aggregation } from './aggregation.js';
import { comparable, lossTexts, type ProbeEvent, readValue, type StartTracing, type Tracing } from './event.js';

export async function countEvents(
  start: StartTracing,
  question: AggregateQuestion,
  { every, onInterval }: AggregateOptions,
): Promise<Aggregating> {
  const { by, value, condition } = question;
  const wanted = [...by, ...(value === undefined ? [] : [value]), ...(condition ? argumentsOf(condition) : [])];
  let aggregation = new Aggregation();
  const tracing: Tracing = await start({ ...question, wanted }, add);
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
    for (const event of events) {
      if (condition && !holds(condition, (name) => comparable(event, name))) continue;
      const key = by.map((name) => readValue(event, name));
      const counted = value === undefined ? undefined : comparable(event, value);
      const isNumber = typeof counted === 'bigint' || typeof counted === 'number';
      aggregation.add(event.probe, key, isNumber ? counted : undefined);
    }
  }
}
