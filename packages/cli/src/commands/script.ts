// sonde script: what a question is in the language of another tool.
import { isInPidNamespace } from '../discovery/pid-namespace.js';
import { select } from '../discovery/select.js';
import { CommandError } from '../error.js';
import { checkNames } from '../question/names.js';
import { ask, type QuestionOptions } from '../question/question.js';
import type { Scripted } from '../scripts/scripted.js';
import { chooseValue } from './hist.js';

export interface ScriptOptions extends QuestionOptions {
  for: string;
  by?: string[];
  fields?: string[];
  /** In milliseconds. */
  every?: number;
}

const WRITERS: Record<string, (question: Scripted) => Promise<string>> = {
  bpftrace: async (question) => (await import('../scripts/bpftrace.js')).bpftraceScript(question, isInPidNamespace()),
  d: async (question) => (await import('../scripts/d.js')).dScript(question),
  stap: async (question) => (await import('../scripts/stap.js')).stapScript(question),
  perf: async (question) => (await import('../scripts/perf.js')).perfScript(question),
};

export async function script(subcommand: string, patterns: readonly string[], options: ScriptOptions): Promise<void> {
  if (!Object.hasOwn(WRITERS, options.for)) {
    throw new CommandError('usage', `--for is ${JSON.stringify(options.for)}; give ${Object.keys(WRITERS).join(', ')}`);
  }
  const question = questionOf(subcommand, patterns, options);
  for (const { probes } of question.selections) for (const probe of probes) checkNames(options.for, probe);
  process.stdout.write(await WRITERS[options.for]!(question));
}

function questionOf(subcommand: string, patterns: readonly string[], options: ScriptOptions): Scripted {
  const { by = [], fields, every } = options;
  switch (subcommand) {
    case 'trace':
      return { ...ask((objects) => select(objects, patterns), options), kind: 'trace', fields, every: undefined };
    case 'count':
      return { ...ask((objects) => select(objects, patterns), options, by), kind: 'count', by, every };
    case 'hist': {
      if (patterns.length !== 1)
        throw new CommandError('usage', `hist takes one probe, and ${patterns.length} were given`);
      let value = '';
      const asked = ask(
        (objects) => {
          const chosen = chooseValue(objects, patterns[0]!);
          value = chosen.value;
          return chosen.selections;
        },
        options,
        by,
      );
      return { ...asked, kind: 'hist', by, value, every };
    }
    default:
      throw new CommandError('usage', `the subcommand is ${JSON.stringify(subcommand)}; give trace, count or hist`);
  }
}
