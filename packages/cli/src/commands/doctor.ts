// sonde doctor: why nothing is seen, and what to do about it.
import type { Command } from 'commander';
import type { Section, State } from '../doctor/finding.js';
import { examineMachine } from '../doctor/machine.js';
import { examineOther } from '../doctor/other-systems.js';
import { examineTarget } from '../doctor/process.js';
import { type Ability, abilities, abilitiesByDtrace } from '../doctor/subcommands.js';
import { EXIT } from '../error.js';
import { printable } from '../output/escape.js';
import { json } from '../output/json.js';
import { style } from '../output/style.js';

export interface DoctorOptions {
  json?: boolean;
}

/** @param program the command, whose subcommands are judged */
export async function doctor(target: string | undefined, options: DoctorOptions, program: Command): Promise<void> {
  if (process.platform !== 'linux') {
    const { sections, canTrace } = await examineOther();
    const isRoot = process.getuid?.() === 0;
    show(sections, abilitiesByDtrace(namesOf(program), canTrace, isRoot), canTrace, isRoot, options);
    process.exitCode = canTrace ? EXIT.done : EXIT.missing;
    return;
  }
  const examined = target === undefined ? undefined : examineTarget(target);
  const { sections, circumstances } = await examineMachine();
  const all = [...sections, ...(examined?.sections ?? [])];
  const subcommands = abilities(namesOf(program), circumstances);
  const exitCode = !circumstances.canTrace ? EXIT.missing : examined && !examined.hasProbes ? EXIT.nothing : EXIT.done;
  show(all, subcommands, circumstances.canTrace, circumstances.isRoot, options);
  process.exitCode = exitCode;
}

function show(
  sections: readonly Section[],
  subcommands: readonly Ability[],
  works: boolean,
  isRoot: boolean,
  { json: isJson }: DoctorOptions,
): void {
  if (isJson) {
    console.log(json({ works, sections, subcommands }));
    return;
  }
  for (const section of sections) console.log(`${sectionText(section)}\n`);
  console.log(subcommandsText(subcommands, isRoot));
}

function namesOf(program: Command): string[] {
  return program
    .createHelp()
    .visibleCommands(program)
    .map((command) => command.name());
}

function sectionText({ title, findings }: Section): string {
  const lines = findings.map(({ state, fact, meaning, remedy }) => {
    const text = `${printable(fact)}${meaning === undefined ? '' : `: ${printable(meaning)}`}.`;
    return `  ${MARKS[state]()} ${text}${remedy === undefined ? '' : ` ${style('bold', `${printable(remedy)}.`)}`}`;
  });
  return [style('bold', printable(title)), ...lines].join('\n');
}

function subcommandsText(subcommands: readonly Ability[], isRoot: boolean): string {
  const width = Math.max(...subcommands.map(({ name }) => name.length));
  const lines = subcommands.map(({ name, state, what, asRoot }) => {
    const more = asRoot === undefined ? '' : `; as root: ${asRoot}`;
    return `  ${MARKS[state]()} ${name.padEnd(width)}  ${what}${more}`;
  });
  const title = isRoot ? 'What works as root' : 'What works as this user';
  return [style('bold', title), ...lines].join('\n');
}

const MARKS: Record<State, () => string> = {
  good: () => style('green', '✔'),
  limited: () => style('yellow', '!'),
  bad: () => style('red', '✘'),
};
