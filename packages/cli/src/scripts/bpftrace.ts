import { aggregateAction, argumentText, attachPoint, predicate, textBytes } from '../engines/bpftrace/script.js';
import { BUILT_IN, fullName, type Probe, type TracedObject } from '../model.js';
import { heading, printed, quoted, type Scripted, variableName } from './scripted.js';

/** A script for bpftrace 0.17 and later. @throws {CommandError} if it cannot say it */
export function bpftraceScript(question: Scripted): string {
  const asked = question.selections.flatMap(({ object, probes }) => probes.map((probe) => ({ object, probe })));
  const probes = asked.map(({ probe }) => probe);
  const keys = question.kind === 'trace' ? [] : question.by;
  const strings = textBytes(probes, keys);
  const run = strings < 196 ? `BPFTRACE_STRLEN=${strings} bpftrace FILE` : 'bpftrace FILE';
  const actions = asked.map(({ object, probe }) => {
    if (question.kind === 'trace') {
      const before = `${attachPoint({ object, probe })}${predicate({ object, probe }, question.condition, question.pids)}`;
      return `${before}\n{\n  ${printAction(probe, object, question.fields)}\n}`;
    }
    const value = question.kind === 'hist' ? question.value : undefined;
    return aggregateAction(
      { object, probe },
      { ...question, by: [...question.by], value },
      variableName(probe),
      question.pids,
    );
  });
  if (question.kind !== 'trace' && question.every !== undefined) {
    const maps = [...new Set(probes.map(variableName))];
    const prints = maps.map((map) => `print(@${map}); clear(@${map});`).join(' ');
    actions.push(`interval:ms:${Math.round(question.every)}\n{\n  ${prints}\n}`);
  }
  return `// ${heading(question)} Run it as root: ${run}\n\n${actions.join('\n\n')}\n`;
}

function printAction(probe: Probe, object: TracedObject, fields: readonly string[] | undefined): string {
  const list = printed(probe, fields);
  const formats = list.map(({ name, kind, operand }) => {
    const isWide = Math.abs(operand.size) === 8 || operand.size === 0;
    const number = `%${isWide ? 'll' : ''}${kind === 'signed' ? 'd' : 'u'}`;
    return `${name}=${{ text: '%s', bytes: '%r', pointer: '%p' }[kind as string] ?? number}`;
  });
  const [pid] = BUILT_IN;
  const values = list.map((argument) => argumentText(probe, argument.name, object));
  return `printf(${quoted(`%d ${[fullName(probe), ...formats].join(' ')}\n`)}, ${[pid!.name, ...values].join(', ')});`;
}
