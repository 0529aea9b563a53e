import assert from 'node:assert/strict';
import { Argument, Command, Option } from 'commander';
import { completedCommands } from './definition.js';
import { completionScript } from './scripts.js';

describe('The definition that completion is made of', () => {
  const program = new Command('sonde');
  program
    .command('ask')
    .description("ask what's there: everything")
    .argument('[target]', 'whom')
    .argument('<probe...>', 'what')
    .option('-w, --where <condition>', 'a condition')
    .option('-p, --process <target>', 'whom; nobody else')
    .addOption(new Option('--for <tool>', 'a tool').choices(['d', 'it is']))
    .addOption(new Option('--secret').hideHelp());
  program.command('say').addArgument(new Argument('<how>').choices(['loud']));
  program.command('__hidden', { hidden: true });

  it('takes subcommands, options and arguments from commander, and their kinds from their names', () => {
    const [ask, say, ...more] = completedCommands(program);
    assert.deepEqual(more, []);
    assert.deepEqual(say!.places, [{ words: ['loud'] }]);
    assert.deepEqual(
      [ask!.description, ask!.places, ask!.isVariadic],
      ["ask what's there", ['targets', 'probes'], true],
    );
    assert.deepEqual(
      ask!.options.map(({ flags, value }) => [flags.join(), value]),
      [
        ['-w,--where', 'none'],
        ['-p,--process', 'targets'],
        ['--for', { words: ['d', 'it is'] }],
        ['-h,--help', undefined],
      ],
    );
  });

  it('quotes what a shell would take apart', () => {
    for (const shell of ['bash', 'zsh'] as const) {
      assert.match(completionScript(shell, completedCommands(program)), /'ask --for'\) kind=words list=\(d 'it is'\)/);
    }
    assert.match(completionScript('zsh', completedCommands(program)), /'ask:ask what'\\''s there'/);
  });
});
