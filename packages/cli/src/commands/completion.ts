// sonde completion: scripts that complete the command line; and what these scripts ask for.
import type { Command } from 'commander';
import { completedCommands } from '../completion/definition.js';
import { completionScript, type Shell } from '../completion/scripts.js';

export function completion(shell: Shell, program: Command): void {
  process.stdout.write(completionScript(shell, completedCommands(program)));
}
