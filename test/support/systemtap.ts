// SystemTap's language for what tests read, and its programs, which are compiled before: see
// test/vm/systemtap.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cases } from '../fixtures/every-argument.js';
import { type NativeArgument, nativeArguments } from './read-back.js';

/**
 * A program for the traced program's objects in a folder: shows each fire of smtp.sessionStart, and
 * of `every` the arguments.
 */
export function systemtapScript(objects: string): string {
  const object = (provider: string) =>
    join(objects, readdirSync(objects).find((file) => new RegExp(`^${provider}-[0-9a-f]+\\.so$`).test(file))!);
  const mark = (provider: string, probe: string, body: string) =>
    `probe process("${object(provider)}").mark("${probe}") { ${body} }\n`;
  const probes = [...new Set(cases.map(({ probe }) => probe))];
  return [
    BYTES,
    mark('smtp', 'session__start', 'printf("%d %s %d\\n", pid(), user_string($arg1), $arg2)'),
    ...probes.map((probe) => {
      const list = nativeArguments(probe);
      const actions = list.map((argument) => `printf("|"); ${printOne(argument)}`);
      return mark('every', probe, `printf("<<${probe}"); ${actions.join('; ')}; printf(">>\\n")`);
    }),
  ].join('');
}

const BYTES = `function bytes(address, length) {
  for (i = 0; i < length; i++) printf("%02x", user_uint8(address + i))
}
`;

function printOne({ index, kind }: NativeArgument): string {
  const value = `$arg${index + 1}`;
  switch (kind) {
    case 'signed':
      return `printf("%d", ${value})`;
    case 'unsigned':
      return `printf("%u", ${value})`;
    case 'text':
      return `print(user_string(${value}))`;
    case 'memory':
      return `bytes(${value}, $arg${index + 2})`;
  }
}
