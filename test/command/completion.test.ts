// Shell completion, in the shells themselves: bash as it fills COMPREPLY, and zsh at a terminal.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { useScene } from '../support/scene.js';
import { needsTools } from '../support/tools.js';

const COMMAND = fileURLToPath(new URL('../../../packages/cli/bin/sonde.js', import.meta.url));

describe('Completion of the command line', function () {
  this.timeout(60_000);
  const scene = useScene();

  describe('bash', () => {
    before(function () {
      needsTools(this, 'bash');
    });

    it('knows the subcommands, their options and the words an argument can be', () => {
      const commands = bash('sonde ');
      for (const name of ['list', 'trace', 'completion']) assert.ok(commands.includes(name), name);
      assert.ok(!commands.some((word) => word.startsWith('_')), 'what is hidden');
      assert.deepEqual(bash('sonde tr'), ['trace']);
      assert.deepEqual(bash('sonde list --j'), ['--json']);
      assert.ok(bash('sonde trace -').includes('--where'));
      assert.deepEqual(bash('sonde completion '), ['bash', 'zsh']);
      assert.deepEqual(bash('sonde completion z'), ['zsh']);
      // A condition is the person's own.
      assert.deepEqual(bash('sonde trace --where '), []);
      assert.deepEqual(bash('sonde nonsense '), []);
    });

    it('knows live probes and providers, in a word that bash breaks at a colon', async () => {
      await scene.current.program();
      assert.deepEqual(bash('sonde trace smtp:session__st'), ['session__start']);
      assert.deepEqual(bash('sonde trace smtp:session__done smtp:session__st'), ['session__start']);
      assert.deepEqual(bash('sonde trace -w "port==1" smtp:session__st'), ['session__start']);
      assert.ok(bash('sonde trace smt', { COMP_WORDBREAKS: ' ' }).some((word) => word === 'smtp:session__start'));
      assert.ok(bash('sonde list node ').includes('smtp'));
    });

    it('knows live processes, each with its command line where several are listed', async () => {
      const programs = [await scene.current.program(), await scene.current.program()];
      const [first] = programs;
      for (const line of ['sonde trace -p ', 'sonde trace --process=', 'sonde list ']) {
        const listed = bash(line);
        for (const { pid } of programs) {
          assert.ok(
            listed.some((word) => word.startsWith(`${pid}  (`) && word.includes('node')),
            `${line}: ${listed}`,
          );
        }
      }
      assert.deepEqual(bash(`sonde trace -p ${first!.pid}`), [String(first!.pid)]);
    });

    it('knows files, where a target is one', () => {
      mkdirSync(join(scene.current.folder, 'of probes'));
      writeFileSync(join(scene.current.folder, 'of probes', 'smtp.so'), '');
      assert.deepEqual(bash(`sonde list ${scene.current.folder}/of`), [`${scene.current.folder}/of probes`]);
    });

    it('runs nothing that a probe or a process is called', () => {
      const made = join(scene.current.folder, 'made');
      const names = [`$(touch ${made})`, `a\`touch ${made}\``, 'good:one', `;touch ${made};`];
      const program = join(scene.current.folder, 'sonde');
      writeFileSync(
        program,
        `#!/bin/sh\nif [ "$1" = completion ]; then exec ${process.execPath} ${COMMAND} "$@"; fi\ncat <<'END'\n${names.map((name) => `${name}\t$(touch ${made})`).join('\n')}\nEND\n`,
        { mode: 0o755 },
      );
      assert.deepEqual(bash('sonde trace good:o'), ['one']);
      bash('sonde trace ');
      assert.equal(spawnSync('test', ['-e', made]).status, 1);
    });
  });

  describe('zsh', () => {
    before(function () {
      needsTools(this, 'zsh');
    });

    it('knows subcommands, options, words, live probes and processes', async () => {
      const { pid } = await scene.current.program();
      const lines = {
        'sonde tra': 'sonde trace ',
        'sonde list --js': 'sonde list --json ',
        'sonde completion z': 'sonde completion zsh ',
        'sonde trace smtp:session__st': 'sonde trace smtp:session__start ',
        'sonde trace --json smtp:session__st': 'sonde trace --json smtp:session__start ',
        [`sonde trace --process=${pid}`]: `sonde trace --process=${pid} `,
      };
      assert.deepEqual(zsh(Object.keys(lines)), Object.values(lines));
    });
  });

  /** What bash would put in, or list, at the end of this line. */
  function bash(line: string, variables: Record<string, string> = {}): string[] {
    const script = `
      source <(sonde completion bash)
      ${Object.entries(variables)
        .map(([name, value]) => `${name}='${value}'`)
        .join('\n')}
      COMP_LINE=$1 COMP_POINT=\${#1} COMP_TYPE=9
      _sonde sonde
      for reply in "\${COMPREPLY[@]}"; do printf '%s\\n' "$reply"; done
    `;
    const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', script, 'bash', line], {
      encoding: 'utf8',
      env: environment(),
    });
    assert.deepEqual([status, stderr], [0, '']);
    return stdout.split('\n').slice(0, -1);
  }

  /** What each of these lines is after a tab. */
  function zsh(lines: readonly string[]): string[] {
    // A widget of its own prints the line when the completion is over.
    const script = `
      zmodload zsh/zpty
      zpty shell zsh -f -i
      zpty -w shell "PROMPT=; unsetopt prompt_cr prompt_sp zle_bracketed_paste; autoload -U compinit; compinit -u -D
        source <(sonde completion zsh)
        tell() { zle -I; print -r -- \\"<<\\$BUFFER>>\\"; BUFFER=; }; zle -N tell; bindkey '^O' tell; print ready''now"
      zpty -r -m shell line '*readynow*'
      for line in "$@"; do
        zpty -w -n shell "$line"$'\\t'$'\\x0f'
        zpty -r -m shell shown '*<<*>>*'
        shown=\${shown##*<<}
        print -r -- "\${shown%%>>*}"
      done
      zpty -d shell
    `;
    const { status, stdout, stderr } = spawnSync('zsh', ['-f', '-c', script, 'zsh', ...lines], {
      encoding: 'utf8',
      env: { ...environment(), TERM: 'dumb' },
      timeout: 50_000,
    });
    assert.deepEqual([status, stderr], [0, '']);
    return stdout.split('\n').slice(0, -1);
  }

  /** With `sonde` on the PATH, unless the test has put something else there by that name. */
  function environment(): NodeJS.ProcessEnv {
    const commands = join(scene.current.folder, 'commands');
    if (!spawnSync('test', ['-e', commands]).status) return { ...process.env, PATH: path() };
    mkdirSync(commands);
    symlinkSync(COMMAND, join(commands, 'sonde'));
    return { ...process.env, PATH: path() };

    function path(): string {
      return [scene.current.folder, commands, process.env.PATH].join(':');
    }
  }
});
