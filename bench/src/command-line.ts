import { parseArgs } from 'node:util';
import type { Part } from './part.js';

const help = (parts: readonly Part[]) => `npm run bench -- [options] [part …]

Measures what sonde costs. Without parts it measures all of them:
${parts.map(({ name, title }) => `  ${name.padEnd(10)}${title}`).join('\n')}

  --quick       few rounds: rough figures, in about a minute
  --json FILE   writes all figures into a file, too
  --help
`;

/** What the program was asked for. Ends it for --help (status 0) and for a wrong command line (status 2). */
export function readCommandLine(parts: readonly Part[]): { names: string[]; quick: boolean; json: string | undefined } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { quick: { type: 'boolean' }, json: { type: 'string' }, help: { type: 'boolean' } },
    });
    if (values.help) {
      process.stdout.write(help(parts));
      process.exit(0);
    }
    const known = parts.map(({ name }) => name);
    const unknown = positionals.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new Error(`there is no part ${JSON.stringify(unknown)}`);
    return { names: positionals.length > 0 ? positionals : known, quick: values.quick === true, json: values.json };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${help(parts)}`);
    process.exit(2);
  }
}
