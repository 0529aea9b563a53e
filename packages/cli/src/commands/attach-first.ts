// What --attach does before a question is asked.
import type { Command } from 'commander';
import { attach } from '../attach/attach.js';
import { hasNode } from '../attach/has-node.js';
import type { Loaded } from '../attach/in-target.js';
import { processesOf } from '../doctor/process.js';
import { CommandError } from '../error.js';
import { printable } from '../output/escape.js';

/**
 * Loads @sonde/node into the processes that a question is about, unless they have it. It stays, so
 * that the next question finds it.
 *
 * @throws {CommandError} if none of them has it then
 */
export async function attachFirst(command: Command): Promise<void> {
  const target = targetOf(command);
  if (target === undefined) {
    throw new CommandError('usage', '--attach needs to know to which processes; give a target, as in: -p server.js');
  }
  const reasons: string[] = [];
  const processes = processesOf(target);
  for (const each of processes) {
    const { pid } = each;
    if (hasNode(pid)) continue;
    try {
      const main = (await attach(each, {})).main as Loaded;
      if (main.state === 'loaded') say(`process ${pid} has @sonde/node now; sonde detach ${pid} takes it away`);
      else if (main.state !== 'there')
        throw new CommandError('failed', main.reason ?? `Node.js ${main.node} is too old`);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      reasons.push(`process ${pid}: ${error.message}`);
      if (reasons.length === processes.length) throw new CommandError('failed', printable(reasons.join('\nsonde: ')));
    }
  }
  for (const reason of reasons) say(reason);
}

function say(text: string): void {
  process.stderr.write(`sonde: ${printable(text)}\n`);
}

function targetOf(command: Command): string | undefined {
  const { process: option } = command.opts<{ process?: string }>();
  if (option !== undefined) return option;
  const index = command.registeredArguments.findIndex((argument) => argument.name() === 'target');
  if (index >= 0) return command.processedArgs[index];
  // sonde top [TARGET] WHAT
  return command.name() === 'top' && command.args.length === 2 ? command.args[0] : undefined;
}
