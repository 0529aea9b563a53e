import { CommandError } from '../error.js';
import { fullName, type Probe } from '../model.js';
import { printable } from '../output/escape.js';

/**
 * What a file calls its probes may be anything, also what would be a program in a tool's language:
 * nothing but names gets into a program.
 *
 * @throws {CommandError} if one of them is none
 */
export function checkNames(tool: string, probe: Probe): void {
  const names = [probe.provider, probe.name, probe.symbol ?? 'none', ...probe.arguments.map(({ name }) => name)];
  const odd = names.find((name) => !/^\w+$/.test(name));
  if (odd === undefined) return;
  throw new CommandError(
    'missing',
    `${tool} cannot be told of ${printable(fullName(probe))}: ${printable(JSON.stringify(odd))} is no name in its language`,
  );
}
