// sonde count: how often probes fire, by the values of their arguments.
import { select } from '../discovery/select.js';
import { table } from '../output/table.js';
import { ask } from '../question/question.js';
import { type AggregateCommandOptions, aggregate, columns, keyCells, keyJson } from './aggregate.js';

export async function count(patterns: readonly string[], options: AggregateCommandOptions): Promise<void> {
  const by = options.by ?? [];
  const question = { ...ask((objects) => select(objects, patterns), options, by), by, value: undefined };
  await aggregate(question, options, {
    text: (groups) => {
      const rows = groups.map((group) => [...keyCells(question, group), String(group.count)]);
      return table([...columns(question), 'COUNT'], rows, ['COUNT']);
    },
    json: (group) => ({ ...keyJson(question, group), count: group.count }),
  });
}
