import { type Argument, fullName, type Probe, type TracedObject } from '../model.js';
import { quoted } from '../output/escape.js';
import { argumentOf } from '../question/question.js';
import { globToRegExp } from '../question/where.js';
import {
  cannot,
  compareAsC,
  constantAsC,
  heading,
  type Language,
  printed,
  type Scripted,
  valueText,
  variableName,
  wholeCondition,
} from './scripted.js';

/** Without a number of its own, an array has room for 2,048; more is an error. */
const MOST_KEYS = 8192;

const STAP: Language = {
  name: 'SystemTap',
  value(_probe, { kind, name }, index) {
    if (kind === 'float') throw cannot(this.name, `read ${name}, a floating-point number`);
    if (kind === 'text') return `user_string($arg${index + 1})`;
    return `$arg${index + 1}`;
  },
  builtIn: (name) => `${name}()`,
  text: quoted,
  compare(left, comparison, { kind, operand }) {
    const text = compareAsC(left, comparison);
    const { operator, value } = comparison;
    if (kind === 'signed' || Math.abs(operand.size) < 8) return text;
    // All its numbers have 64 bits and a sign: what is large is below zero for it.
    const isLarge = value >= 2n ** 63n;
    const own = compareAsC(left, { operator, value: BigInt.asIntN(64, value) });
    if (operator === '==' || operator === '!=') return own;
    const isLess = operator === '<' || operator === '<=';
    if (isLess) return isLarge ? `(${left} >= 0 || ${own})` : `(${left} >= 0 && ${own})`;
    return isLarge ? `(${left} < 0 && ${own})` : `(${left} < 0 || ${own})`;
  },
  constant: constantAsC,
  matches: (left, glob) => `${left} =~ ${quoted(globToRegExp(glob).source.replaceAll('.*', '(.|\n)*'))}`,
};

/** A script for SystemTap. @throws {CommandError} if it cannot say it */
export function stapScript(question: Scripted): string {
  const asked = question.selections.flatMap(({ object, probes }) => probes.map((probe) => ({ object, probe })));
  const parts = asked.map(({ object, probe }) => {
    const condition = wholeCondition(STAP, question, probe);
    const filter = condition === undefined ? '' : `  if (!(${condition})) next\n`;
    return `${placeOf(probe, object)}\n{\n${filter}  ${action(question, probe)}\n}`;
  });
  if (question.kind === 'trace') return whole(question, parts);
  const counted = [...new Map(asked.map(({ probe }) => [variableName(question, probe), probe]))];
  const print = counted.map(([, probe]) => report(question, probe)).join('\n');
  if (question.every !== undefined) {
    const clear = counted.map(([name]) => `  delete ${name}`).join('\n');
    parts.push(`probe timer.ms(${Math.round(question.every)})\n{\n${print}\n${clear}\n}`);
  }
  const room = question.by.length === 0 ? '' : `[${MOST_KEYS}]`;
  const globals = counted.map(([name]) => `${name}${room}`).join(', ');
  return whole(question, [`global ${globals}`, ...parts, `probe end\n{\n${print}\n}`]);
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
    const formats = list.map((argument) => `${argument.name}=${formatOf(argument)}`);
    const values = list.map(({ name }) => valueText(STAP, probe, name));
    return `printf(${quoted(`%d ${[fullName(probe), ...formats].join(' ')}\n`)}, ${['pid()', ...values].join(', ')})`;
  }
  const keys = question.by.map((name) => valueText(STAP, probe, name)).join(', ');
  const at = keys === '' ? '' : `[${keys}]`;
  return `${variableName(question, probe)}${at} <<< ${question.kind === 'count' ? '1' : valueText(STAP, probe, question.value)}`;
}

/** Prints what a variable has, the most frequent first. */
function report(question: Scripted, probe: Probe): string {
  const name = variableName(question, probe);
  const by = question.kind === 'trace' ? [] : question.by;
  const keys = by.map((_, index) => `k${index}`);
  const at = keys.length === 0 ? '' : `[${keys.join(', ')}]`;
  const formats = by.map((key) => ` ${formatOf(argumentOf(probe, key)!)}`).join('');
  const label = `printf(${[quoted(`${name}${formats} `), ...keys].join(', ')})`;
  const shown = question.kind === 'count' ? `println(@count(${name}${at}))` : `print(@hist_log(${name}${at}))`;
  if (keys.length === 0) return `  if (@count(${name}) > 0) { ${label}; ${shown} }`;
  return `  foreach (${keys.length === 1 ? 'k0' : at} in ${name}-) { ${label}; ${shown} }`;
}

function formatOf({ kind }: Argument): string {
  return { text: '%s', signed: '%d' }[kind as string] ?? '%u';
}
