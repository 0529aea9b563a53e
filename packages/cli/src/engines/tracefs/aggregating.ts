// Counting in this process what the kernel's tracer shows.

import { argumentsOf, holds } from '../../question/where.js';
import { type AggregateOptions, type AggregateQuestion, type Aggregating, Aggregation } from '../aggregation.js';
import { comparable, type ProbeEvent, readValue } from '../event.js';
import { lossTexts, TracefsTracing } from './tracefs.js';

export class TracefsAggregating implements Aggregating {
  readonly failed = new Promise<Error>(() => {});
  private readonly question: AggregateQuestion;
  private readonly tracing: TracefsTracing;
  private readonly timer: NodeJS.Timeout | undefined;
  private aggregation = new Aggregation();

  constructor(question: AggregateQuestion, { every, onInterval }: AggregateOptions) {
    this.question = question;
    const { by, value, condition } = question;
    const wanted = [...by, ...(value === undefined ? [] : [value]), ...(condition ? argumentsOf(condition) : [])];
    this.tracing = new TracefsTracing({ ...question, wanted }, (events) => this.add(events));
    if (every === undefined) return;
    this.timer = setInterval(() => {
      const { aggregation } = this;
      this.aggregation = new Aggregation();
      onInterval(aggregation);
    }, every);
  }

  async stop(): Promise<{ rest: Aggregation; losses: string[] }> {
    clearInterval(this.timer);
    const losses = lossTexts(await this.tracing.stop());
    return { rest: this.aggregation, losses };
  }

  private add(events: readonly ProbeEvent[]): void {
    const { by, value, condition } = this.question;
    for (const event of events) {
      if (condition && !holds(condition, (name) => comparable(event, name))) continue;
      const key = by.map((name) => readValue(event, name));
      const counted = value === undefined ? undefined : comparable(event, value);
      const isNumber = typeof counted === 'bigint' || typeof counted === 'number';
      this.aggregation.add(event.probe, key, isNumber ? counted : undefined);
    }
  }
}
