// docs/command.md has every subcommand, argument, option and exit code that there is, and no other.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { ENGINES } from './engines/choose.js';
import { EXIT } from './error.js';
import { program } from './program.js';

const PAGE = readFileSync(new URL('../../../docs/command.md', import.meta.url), 'utf8');

/** The text of each section, by its heading. */
const SECTIONS = new Map(
  PAGE.split(/^#+ (?=\S)/m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('\n')), text]),
);

const commands = program
  .createHelp()
  .visibleCommands(program)
  .filter((command) => command.name() !== 'help');

describe('docs/command.md', () => {
  it('has a section for each subcommand, in the order of the help, and a link to it', () => {
    const sections = [...SECTIONS.keys()].filter((heading) => heading.startsWith('sonde '));
    assert.deepEqual(
      sections,
      commands.map((command) => `sonde ${command.name()}`),
    );
    const [introduction] = PAGE.split('```');
    assert.deepEqual(
      [...introduction!.matchAll(/\]\(#sonde-(\w+)\)/g)].map(([, name]) => name),
      commands.map((command) => command.name()),
    );
  });

  for (const command of commands) {
    it(`has the arguments and options of sonde ${command.name()}`, () => {
      assert.deepEqual(documented(`sonde ${command.name()}`), defined(command));
    });
  }

  it('has the exit codes', () => {
    const codes = [...SECTIONS.get('Exit codes')!.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    assert.deepEqual(codes, Object.values(EXIT));
  });

  it('has the engines', () => {
    assert.deepEqual(firstCells(SECTIONS.get('Engines')!), ENGINES);
  });

  it('links to sections that there are', () => {
    const anchors = [...SECTIONS.keys()].map((heading) => heading.toLowerCase().replaceAll(' ', '-'));
    for (const [, anchor] of PAGE.matchAll(/\]\(#([^)]+)\)/g)) assert.ok(anchors.includes(anchor!), anchor);
  });
});

function documented(heading: string): string[] {
  const [, table] = /^\| argument or option \|.*\n\| --- \|.*\n((?:\|.*\n)*)/m.exec(SECTIONS.get(heading) ?? '') ?? [];
  return firstCells(table ?? '');
}

function firstCells(text: string): string[] {
  return [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, cell]) => cell!);
}

function defined(command: Command): string[] {
  const help = command.createHelp();
  return [
    ...command.registeredArguments.map((argument) => {
      const name = argument.name() + (argument.variadic ? '...' : '');
      return argument.required ? `<${name}>` : `[${name}]`;
    }),
    ...help
      .visibleOptions(command)
      .map(({ flags }) => flags)
      .filter((flags) => flags !== '-h, --help'),
  ];
}
