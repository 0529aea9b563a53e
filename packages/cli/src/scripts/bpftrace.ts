import {
  aggregateAction,
  argumentText,
  askedOf,
  attachPoint,
  formatOf,
  predicate,
  textBytes,
} from '../engines/bpftrace/script.js';
import { BUILT_IN, fullName, type Probe, type TracedObject } from '../model.js';
import { quoted } from '../output/escape.js';
import { argumentOf } from '../question/question.js';
import { cannot, heading, printed, type Scripted, variableName } from './scripted.js';

/**
 * A script for bpftrace 0.17 and later.
 *
 * @param isInside whether it is to run in a pid namespace, where the kernel has other pids
 * @throws {CommandError} if it cannot say it
 */
export function bpftraceScript(question: Scripted, isInside = false): string {
  const { pids, command } = whom(question.pids, isInside);
  const asked = askedOf(question.selections);
  const probes = asked.map(({ probe }) => probe);
  const actions = asked.map(({ object, probe }) => {
    if (question.kind === 'trace') {
      const before = `${attachPoint({ object, probe })}${predicate({ object, probe }, question.condition, pids)}`;
      return `${before}\n{\n  ${printAction(probe, object, question.fields)}\n}`;
    }
    const value = question.kind === 'hist' ? question.value : undefined;
    return aggregateAction(
      { object, probe },
      { ...question, by: [...question.by], value },
      variableName(question, probe),
      pids,
    );
  });
  if (question.kind !== 'trace' && question.every !== undefined) {
    const maps = [...new Set(probes.map((probe) => variableName(question, probe)))];
    const prints = maps.map((map) => `print(@${map}); clear(@${map});`).join(' ');
    actions.push(`interval:ms:${Math.round(question.every)}\n{\n  ${prints}\n}`);
  }
  return `// ${heading(question)} Run it as root: ${environment(question, probes)}${command} FILE\n${remark(question, probes)}\n${actions.join('\n\n')}\n`;
}

/** By -p it takes one process, whatever number that has for the kernel, and no more than one. */
function whom(pids: readonly number[] | undefined, isInside: boolean) {
  if (!pids || !isInside) return { pids, command: 'bpftrace' };
  if (pids.length > 1) throw cannot('bpftrace', 'take several processes of a pid namespace');
  return { pids: undefined, command: `bpftrace -p ${pids[0]}` };
}

/** Texts are as long as they can be; what it is called depends on the version. */
function environment(question: Scripted, probes: readonly Probe[]): string {
  const texts = Math.max(...probes.map((probe) => textsIn(question, probe).length));
  const numbers = Math.max(...probes.map((probe) => namesIn(question, probe).length - textsIn(question, probe).length));
  const bytes = textBytes(texts, numbers, question.condition);
  if (texts === 0 && !question.condition) return '';
  return `BPFTRACE_STRLEN=${bytes} BPFTRACE_MAX_STRLEN=${bytes} `;
}

function namesIn(question: Scripted, probe: Probe): readonly string[] {
  return question.kind === 'trace' ? printed(probe, question.fields).map(({ name }) => name) : question.by;
}

/** Of what is printed, the texts, and the bytes, which take as much. */
function textsIn(question: Scripted, probe: Probe): string[] {
  return namesIn(question, probe).filter((name) => ['text', 'bytes'].includes(argumentOf(probe, name)?.kind ?? ''));
}

function remark(question: Scripted, probes: readonly Probe[]): string {
  if (question.kind !== 'hist') return '';
  const isWide = probes.some((probe) => (argumentOf(probe, question.value)?.size ?? 0) > 4);
  return isWide ? '// bpftrace 0.17 has one interval for all that is 2G or more.\n' : '';
}

function printAction(probe: Probe, object: TracedObject, fields: readonly string[] | undefined): string {
  const list = printed(probe, fields);
  const formats = list.map((argument) => `${argument.name}=${formatOf(argument)}`);
  const [pid] = BUILT_IN;
  const values = list.map((argument) => argumentText(probe, argument.name, object));
  return `printf(${quoted(`%d ${[fullName(probe), ...formats].join(' ')}\n`)}, ${[pid!.name, ...values].join(', ')});`;
}
