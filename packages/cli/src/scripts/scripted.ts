// A question as it is written for other tools, and what their languages have in common.
import { CommandError } from '../error.js';
import { type Argument, BUILT_IN, fullName, type Probe } from '../model.js';
import { argumentOf, type Question } from '../question/question.js';
import type { Condition } from '../question/where.js';
import { type WholeComparison, wholeComparison } from '../question/whole-numbers.js';

/** A question of `sonde trace`, `count` or `hist`. */
export type Scripted = Question & {
  /** In milliseconds; of `count` and `hist`. */
  every: number | undefined;
} & (
    | { kind: 'trace'; fields: readonly string[] | undefined }
    | { kind: 'count'; by: readonly string[] }
    | { kind: 'hist'; by: readonly string[]; value: string }
  );

/** A probe, and whatever an expression in a language needs of it. */
export interface Language {
  name: string;
  /** A value of an argument, as `str(arg0)`. @throws {CommandError} if the language cannot say it */
  value(probe: Probe, argument: Argument, index: number): string;
  /** What every event has: `pid`, `tid`. */
  builtIn(name: string): string;
  text(value: string): string;
  /** A comparison of a whole number. */
  compare(left: string, comparison: WholeComparison, argument: Argument): string;
  /** What always holds, or never. */
  constant(holds: boolean): string;
  /** Whether a text is as wildcards say. @throws {CommandError} if the language cannot say it */
  matches(left: string, glob: string): string;
}

type Comparison = Condition & { type: 'comparison' };

/** The arguments that are printed, of those that the language can print. */
export function printed(probe: Probe, fields: readonly string[] | undefined): Argument[] {
  return probe.arguments.filter(({ name, kind }, index) => {
    // Printed with the bytes that it counts.
    if (probe.arguments[index - 1]?.kind === 'bytes') return false;
    return kind !== 'float' && (fields?.includes(name) ?? true);
  });
}

export function valueText(language: Language, probe: Probe, name: string): string {
  const argument = argumentOf(probe, name)!;
  if (BUILT_IN.includes(argument)) return language.builtIn(name);
  return language.value(probe, argument, probe.arguments.indexOf(argument));
}

/** A condition in a language that has C's operators. @throws {CommandError} if it cannot say it */
export function conditionText(language: Language, condition: Condition, probe: Probe): string {
  switch (condition.type) {
    case 'not':
      return `!(${conditionText(language, condition.operand, probe)})`;
    case 'and':
    case 'or': {
      const [left, right] = [condition.left, condition.right].map((each) => conditionText(language, each, probe));
      return `(${left}) ${condition.type === 'and' ? '&&' : '||'} (${right})`;
    }
    case 'comparison':
      return comparisonText(language, condition, probe);
  }
}

function comparisonText(language: Language, comparison: Comparison, probe: Probe): string {
  const { argument: name, operator, value } = comparison;
  const left = valueText(language, probe, name);
  if (typeof value === 'string') {
    if (operator === '~' && /[*?]/.test(value)) return language.matches(left, value);
    return `${left} ${operator === '~' ? '==' : operator} ${language.text(value)}`;
  }
  const argument = argumentOf(probe, name)!;
  const whole = wholeComparison(comparison, argument);
  if (typeof whole === 'boolean') return language.constant(whole);
  return language.compare(left, whole, argument);
}

/** As C compares. */
export function compareAsC(left: string, { operator, value }: WholeComparison): string {
  return `${left} ${operator} ${value}`;
}

export function constantAsC(holds: boolean): string {
  return holds ? '1 == 1' : '1 == 0';
}

/** The condition of a probe, with the processes that are meant; undefined if there is none. */
export function wholeCondition(
  language: Language,
  { condition, pids }: Pick<Question, 'condition' | 'pids'>,
  probe: Probe,
): string | undefined {
  const parts = [
    ...(pids ? [pids.map((pid) => `${language.builtIn('pid')} == ${pid}`).join(' || ')] : []),
    ...(condition ? [conditionText(language, condition, probe)] : []),
  ];
  if (parts.length === 0) return undefined;
  return parts.length === 1 ? parts[0] : parts.map((part) => `(${part})`).join(' && ');
}

/** Names for maps or variables: `session__done`, with the provider where others have such a probe, too. */
export function variableName({ selections }: Scripted, { provider, name }: Probe): string {
  const probes = selections.flatMap((selection) => selection.probes);
  const isAlone = probes.every((each) => each.name !== name || each.provider === provider);
  return (isAlone ? name : `${provider}__${name}`).replace(/\W/g, '_');
}

/** What stands above a script, without the signs of a comment. */
export function heading(question: Scripted): string {
  const names = [...new Set(question.selections.flatMap(({ probes }) => probes.map(fullName)))];
  const what = { trace: 'Prints events of', count: 'Counts', hist: 'Shows how values are distributed of' }[
    question.kind
  ];
  return `${what} ${names.length > 3 ? `${names.length} probes` : names.join(', ')}.`;
}

export function cannot(tool: string, what: string): CommandError {
  return new CommandError('missing', `${tool} cannot ${what}`);
}
