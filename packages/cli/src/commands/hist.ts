// sonde hist: how values of an argument are distributed; of an operation, how long it takes.
import { type Selection, select } from '../discovery/select.js';
import type { Group } from '../engines/aggregation.js';
import { bucketsJson } from '../engines/aggregation.js';
import { CommandError } from '../error.js';
import { fullName, type Probe, type TracedObject } from '../model.js';
import { printable } from '../output/escape.js';
import { histogram } from '../output/histogram.js';
import { style } from '../output/style.js';
import { argumentOf, argumentsText, ask } from '../question/question.js';
import { type AggregateCommandOptions, aggregate, keyCells, keyJson } from './aggregate.js';

export async function hist(pattern: string, options: AggregateCommandOptions): Promise<void> {
  const by = options.by ?? [];
  let value = '';
  const asked = ask(
    (objects) => {
      const chosen = chooseValue(objects, pattern);
      value = chosen.value;
      return chosen.selections;
    },
    options,
    by,
  );
  const question = { ...asked, by, value };
  await aggregate(question, options, {
    text: (groups) =>
      groups.map((group) => `${style('bold', title(group))}\n${histogram(group, unitOf(group))}`).join('\n\n'),
    json: (group) => ({
      ...keyJson(question, group),
      argument: value,
      count: group.count,
      buckets: bucketsJson(group.buckets),
    }),
  });

  function title(group: Group): string {
    const keys = keyCells({ ...question, selections: [] }, group).map((cell, index) => `${by[index]}=${cell}`);
    return `${printable(fullName(group.probe))} ${value}${by.length === 0 ? '' : `  ${keys.join(' ')}`}`;
  }

  function unitOf({ probe }: Group) {
    return argumentOf(probe, value)?.unit;
  }
}

interface Chosen {
  selections: Selection[];
  value: string;
}

/**
 * `PROBE.ARGUMENT`, or `PROBE` alone if it is an operation, which means how long it took, or if it
 * has no more than one number. What comes first of these is meant, since operations have a dot in
 * the program's spelling, too: `delivery.done`.
 */
export function chooseValue(objects: readonly TracedObject[], pattern: string): Chosen {
  const selections = tryToSelect(objects, `${pattern}-done`) ?? tryToSelect(objects, pattern);
  if (selections) return { selections, value: onlyNumber(selections) };
  const dot = pattern.lastIndexOf('.');
  // It throws, with the names that there are.
  if (dot <= 0) return { selections: select(objects, [pattern]), value: '' };
  const [probe, value] = [pattern.slice(0, dot), pattern.slice(dot + 1)];
  const found = tryToSelect(objects, `${probe}-done`) ?? select(objects, [probe]);
  const has = ({ probes }: Selection) => probes.filter((each) => isNumber(each, value));
  const left = found
    .map((selection) => ({ ...selection, probes: has(selection) }))
    .filter(({ probes }) => probes.length > 0);
  if (left.length > 0) return { selections: left, value };
  const [first] = found.flatMap(({ probes }) => probes);
  throw new CommandError('usage', `${JSON.stringify(value)} is no argument that is a number; ${argumentsText(first!)}`);
}

function tryToSelect(objects: readonly TracedObject[], pattern: string): Selection[] | undefined {
  try {
    return select(objects, [pattern]);
  } catch {
    return undefined;
  }
}

function onlyNumber(selections: readonly Selection[]): string {
  const probes = selections.flatMap((selection) => selection.probes);
  if (probes.every((probe) => isNumber(probe, 'ns'))) return 'ns';
  const [first] = probes as [Probe];
  const numbers = first.arguments.filter(({ name }) => isNumber(first, name));
  if (numbers.length === 1 && probes.every((probe) => isNumber(probe, numbers[0]!.name))) return numbers[0]!.name;
  throw new CommandError('usage', `which argument is meant? give PROBE.ARGUMENT; ${argumentsText(first)}`);
}

function isNumber(probe: Probe, name: string): boolean {
  return ['signed', 'unsigned'].includes(argumentOf(probe, name)?.kind ?? '');
}
