import { cannot, conditionText, heading, type Language, printed, type Scripted } from './scripted.js';

const PERF: Language = {
  name: 'perf',
  value: (_probe, { name }) => name,
  builtIn(name) {
    throw cannot(this.name, `compare ${name}`);
  },
  text: (value) => `"${value}"`,
};

/** Commands for a shell. @throws {CommandError} if perf cannot say it */
export function perfScript(question: Scripted): string {
  if (question.kind === 'hist') throw cannot('perf', 'make histograms; bpftrace can');
  if (question.kind === 'count' && question.by.length > 0) throw cannot('perf', 'count by arguments; bpftrace can');
  const asked = question.selections.flatMap(({ object, probes }) => probes.map((probe) => ({ object, probe })));
  const first = asked[0]!.probe;
  if (asked.length > 1 && question.condition) throw cannot('perf', 'have a condition for several probes');
  if (question.every !== undefined) throw cannot('perf', 'print intervals of such events');
  const lines = asked.map(({ object: { path }, probe }) => {
    const names =
      question.kind === 'count' ? [] : printed(probe, question.fields).filter(({ kind }) => kind !== 'bytes');
    const list = names.map(({ name, kind }) => (kind === 'text' ? `${name}=${name}:string` : name));
    // The function, whose parameters have names, and not the SDT note.
    return `perf probe -x ${shell(path)} --add ${shell([`sonde:${probe.name}=${probe.symbol ?? probe.name}`, ...list].join(' '))}`;
  });
  const whom = question.pids ? `-p ${question.pids.join(',')}` : '-a';
  const filter = question.condition ? ` --filter ${shell(conditionText(PERF, question.condition, first))}` : '';
  const events = asked.map(({ probe }) => `-e sonde:${probe.name}`).join(' ');
  const run =
    question.kind === 'count'
      ? [`perf stat ${events}${filter} ${whom} -- sleep 10`]
      : [
          `perf record -o /tmp/sonde.data ${events}${filter} ${whom} -- sleep 10`,
          'perf script -i /tmp/sonde.data -F pid,event,trace',
        ];
  const end = asked.map(({ probe }) => `perf probe --del sonde:${probe.name}`);
  return `# ${heading(question)} Run it as root: sh FILE\n\n${[...lines, ...run, ...end].join('\n')}\n`;
}

function shell(text: string): string {
  return /^[\w./:=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
