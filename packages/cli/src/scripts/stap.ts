import { fullName, type Probe, type TracedObject } from '../model.js';
import {
  cannot,
  heading,
  type Language,
  printed,
  quoted,
  type Scripted,
  valueText,
  variableName,
  wholeCondition,
} from './scripted.js';

const STAP: Language = {
  name: 'SystemTap',
  value(_probe, { kind, name }, index) {
    if (kind === 'float') throw cannot(this.name, `read ${name}, a floating-point number`);
    if (kind === 'text') return `user_string($arg${index + 1})`;
    return `$arg${index + 1}`;
  },
  builtIn: (name) => `${name}()`,
  text: quoted,
};

/** A script for SystemTap. @throws {CommandError} if it cannot say it */
export function stapScript(question: Scripted): string {
  const asked = question.selections.flatMap(({ object, probes }) => probes.map((probe) => ({ object, probe })));
  const names = [...new Set(asked.map(({ probe }) => variableName(probe)))];
  const parts = asked.map(({ object, probe }) => {
    const condition = wholeCondition(STAP, question, probe);
    const filter = condition === undefined ? '' : `  if (!(${condition})) next\n`;
    return `${placeOf(probe, object)}\n{\n${filter}  ${action(question, probe)}\n}`;
  });
  if (question.kind === 'trace') return whole(question, parts);
  const keys = question.by.length;
  const print = names.map((name) => report(name, keys, question.kind)).join('\n');
  if (question.every !== undefined) {
    const clear = names.map((name) => `  delete ${name}`).join('\n');
    parts.push(`probe timer.ms(${Math.round(question.every)})\n{\n${print}\n${clear}\n}`);
  }
  return whole(question, [`global ${names.join(', ')}`, ...parts, `probe end\n{\n${print}\n}`]);
}

function whole(question: Scripted, parts: readonly string[]): string {
  return `# ${heading(question)} Run it as root: stap FILE\n\n${parts.join('\n\n')}\n`;
}

function placeOf({ provider, name, symbol }: Probe, { path, hasNotes }: TracedObject): string {
  const file = `probe process(${quoted(path)})`;
  if (!hasNotes) throw cannot('SystemTap', `find ${symbol}, of an object without SDT notes, by its arguments`);
  return `${file}.provider(${quoted(provider)}).mark(${quoted(name)})`;
}

function action(question: Scripted, probe: Probe): string {
  if (question.kind === 'trace') {
    const list = printed(probe, question.fields).filter(({ kind }) => kind !== 'bytes');
    const formats = list.map(({ name, kind }) => `${name}=${kind === 'text' ? '%s' : kind === 'signed' ? '%d' : '%u'}`);
    const values = list.map(({ name }) => valueText(STAP, probe, name));
    return `printf(${quoted(`%d ${[fullName(probe), ...formats].join(' ')}\n`)}, ${['pid()', ...values].join(', ')})`;
  }
  const keys = question.by.map((name) => valueText(STAP, probe, name)).join(', ');
  const at = keys === '' ? '' : `[${keys}]`;
  return `${variableName(probe)}${at} <<< ${question.kind === 'count' ? '1' : valueText(STAP, probe, question.value)}`;
}

/** Prints what a variable has, the most frequent first. */
function report(name: string, keyCount: number, kind: 'count' | 'hist'): string {
  const keys = Array.from({ length: keyCount }, (_, index) => `k${index}`);
  const at = keyCount === 0 ? '' : `[${keys.join(', ')}]`;
  const shown = kind === 'count' ? `println(@count(${name}${at}))` : `print(@hist_log(${name}${at}))`;
  if (keyCount === 0) return `  if (@count(${name}) > 0) { printf("${name} "); ${shown} }`;
  // What is a text and what a number, it knows itself.
  const prints = keys.map((key) => `print(${key}, " ");`).join(' ');
  return `  foreach (${at} in ${name}-) { ${prints} ${shown} }`.replace(
    `(${at} in`,
    keyCount === 1 ? '(k0 in' : `(${at} in`,
  );
}
