// What can be typed after `sonde`, taken from commander's own definition of the command.
import type { Argument, Command, Option } from 'commander';

/**
 * What completes a word: `targets`, `probes` and `providers` are live and asked of `sonde __complete`,
 * `files` are the shell's, `words` are listed here, and `none` is the person's own.
 */
export type Kind = 'targets' | 'probes' | 'providers' | 'files' | 'none' | { words: readonly string[] };

export interface CompletedOption {
  /** `-p` and `--process`. */
  flags: string[];
  description: string;
  /** What completes its value, if it takes one. */
  value?: Kind;
}

export interface CompletedCommand {
  name: string;
  description: string;
  options: CompletedOption[];
  /** What completes each argument. */
  places: Kind[];
  /** Whether the last argument may be repeated. */
  isVariadic: boolean;
}

/** The visible subcommands. */
export function completedCommands(program: Command): CompletedCommand[] {
  const help = program.createHelp();
  return help
    .visibleCommands(program)
    .filter((command) => command.name() !== 'help')
    .map((command) => ({
      name: command.name(),
      description: firstSentence(command.description()),
      options: help.visibleOptions(command).map(completedOption),
      places: command.registeredArguments.map((argument) => kindOf(argument.argChoices, argument.name())),
      isVariadic: command.registeredArguments.at(-1)?.variadic ?? false,
    }));
}

function completedOption(option: Option): CompletedOption {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const [, name] = /[<[]([^\]>.]+)(?:\.\.\.)?[\]>]/.exec(option.flags) ?? [];
  const value = name === undefined ? undefined : kindOf(option.argChoices, name);
  return { flags, description: firstSentence(option.description), ...(value !== undefined && { value }) };
}

/** @param name as it stands in the help: `<target>` */
function kindOf(choices: Argument['argChoices'], name: string): Kind {
  if (choices) return { words: choices };
  switch (name) {
    case 'target':
      return 'targets';
    case 'probe':
      return 'probes';
    case 'provider':
      return 'providers';
    case 'file':
    case 'path':
      return 'files';
    default:
      return 'none';
  }
}

function firstSentence(text: string): string {
  return text.replace(/[;:].*$/s, '');
}
