import { CommandError } from '../error.js';
import type { TracedProcess } from '../model.js';
import { printable } from '../output/escape.js';

/** Which processes are meant. */
export interface Target {
  /** As it was typed. */
  text: string;
  /** If it is one process. */
  pid?: number;
  isMet(process: TracedProcess): boolean;
}

/**
 * `4711` is a process, `container:NAME` those in a container (the beginning of its id, or its host's
 * name), anything else a part of a command line.
 *
 * @throws {CommandError} if it is empty
 */
export function parseTarget(text: string): Target {
  if (text.trim() === '') {
    throw new CommandError('usage', 'the target is empty; give a pid, part of a command line, or container:NAME');
  }
  if (/^\d+$/.test(text)) return { text, pid: Number(text), isMet: ({ pid }) => pid === Number(text) };
  const [, name] = /^container:(.*)$/s.exec(text) ?? [];
  if (name !== undefined) {
    if (name === '')
      throw new CommandError('usage', 'container: names none; give the beginning of its id, or its host name');
    return { text, isMet: ({ container }) => container?.startsWith(name) ?? false };
  }
  // Not the command that asks: it has the text on its own line.
  return { text, isMet: ({ pid, command }) => pid !== process.pid && command.join(' ').includes(text) };
}

/** "no process …", for a message. */
export function nobody(target: Target | undefined): string {
  if (!target) return 'no process';
  if (target.pid !== undefined) return `process ${target.text} has none`;
  return `no process matches ${JSON.stringify(printable(target.text))}`;
}
