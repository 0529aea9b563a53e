import type { Probe, TracedObject } from '../model.js';
import { shellWord } from '../output/escape.js';
import { argumentsOf } from '../question/where.js';
import { cannot, compareAsC, conditionText, heading, type Language, printed, type Scripted } from './scripted.js';

const PERF: Language = {
  name: 'perf',
  value: (_probe, { name }) => name,
  builtIn(name) {
    throw cannot(this.name, `compare ${name}`);
  },
  text(value) {
    // It has no escapes.
    if (/["\\]|[^\x20-\x7e]/.test(value)) throw cannot(this.name, `compare with ${JSON.stringify(value)}`);
    return `"${value}"`;
  },
  compare(left, comparison, { kind, operand }) {
    const bits = BigInt(8 * (Math.abs(operand.size) || 8));
    const { value } = comparison;
    const rest = kind === 'signed' ? BigInt.asIntN(Number(bits), value) : BigInt.asUintN(Number(bits), value);
    // It would compare with what is left of the number.
    if (rest !== value) throw cannot(this.name, `compare ${left}, of ${bits} bits, with ${value}`);
    return compareAsC(left, comparison);
  },
  constant() {
    throw cannot(this.name, 'compare with what an argument cannot be');
  },
  matches(left, glob) {
    if (/[[\]]/.test(glob)) throw cannot(this.name, `compare with ${JSON.stringify(glob)}`);
    return `${left} ~ ${this.text(glob)}`;
  },
};

/** Commands for a shell. @throws {CommandError} if perf cannot say it */
export function perfScript(question: Scripted): string {
  if (question.kind === 'hist') throw cannot('perf', 'make histograms; bpftrace can');
  if (question.kind === 'count' && question.by.length > 0) throw cannot('perf', 'count by arguments; bpftrace can');
  if (question.every !== undefined) throw cannot('perf', 'print intervals of such events; bpftrace can');
  const asked = question.selections.flatMap(({ object, probes }) => probes.map((probe) => ({ object, probe })));
  const events = new Map<string, { object: TracedObject; probe: Probe }>();
  for (const each of asked) events.set(eventName(each.probe, events), each);
  const data = question.kind === 'trace' ? ['data=$(mktemp)'] : [];
  const end = [
    ...(data.length > 0 ? ['rm -f "$data"'] : []),
    ...[...events.keys()].map((name) => `perf probe -q --del ${name}`),
  ];
  const add = [...events].map(([name, { object, probe }]) => {
    // The function, whose parameters have names, and not the SDT note.
    if (probe.symbol === undefined)
      throw cannot('perf', `find ${probe.name}, which has no function of its own; bpftrace can`);
    // The shell puts its number for $$; there is nothing else in it but names.
    const text = [`${name}=${probe.symbol}`, ...fetched(question, probe)].join(' ');
    return `perf probe -q -x ${shellWord(object.path)} --add "${text}"`;
  });
  const selected = [...events].flatMap(([name, { probe }]) => {
    const condition = question.condition && conditionText(PERF, question.condition, probe);
    return [`-e ${name}`, ...(condition === undefined ? [] : [`--filter ${shellWord(condition)}`])];
  });
  const options = [...selected, question.pids ? `-p ${question.pids.join(',')}` : '-a'].join(' ');
  const run =
    question.kind === 'count'
      ? [`perf stat ${options} -- sleep 10`]
      : [`perf record -q -o "$data" ${options} -- sleep 10 || :`, 'perf script -i "$data" -F trace:pid,event,trace'];
  const lines = [
    'set -e',
    ...data,
    'trap : INT',
    'trap exit HUP TERM',
    `trap ${shellWord(end.join('; '))} EXIT`,
    ...add,
    ...run,
  ];
  return `# ${heading(question)} Run it as root, for ten seconds: sh FILE\n\n${lines.join('\n')}\n`;
}

/** In a group of its own, which no other run has; what another object has by the same name gets a number. */
function eventName({ provider, name }: Probe, taken: ReadonlyMap<string, unknown>): string {
  let event = `${provider}_$$:${name}`;
  for (let number = 2; taken.has(event); number++) event = `${provider}_$$:${name}_${number}`;
  return event;
}

/** What is read: that which is printed or compared. */
function fetched(question: Scripted, probe: Probe): string[] {
  const wanted =
    question.kind === 'trace' ? printed(probe, question.fields).filter(({ kind }) => kind !== 'bytes') : [];
  const compared = question.condition ? argumentsOf(question.condition) : [];
  const list = probe.arguments.filter((each) => wanted.includes(each) || compared.includes(each.name));
  return list.map(({ name, kind, size }) => {
    const type = { text: 'string', signed: `s${8 * size}`, pointer: 'x64' }[kind as string] ?? `u${8 * size}`;
    return `${name}=${name}:${type}`;
  });
}
