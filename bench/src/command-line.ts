import { parseArgs } from 'node:util';
import { ALL } from './nodes.js';
import type { Part } from './part.js';

const help = (parts: readonly Part[]) => `npm run bench -- [options] [part …]

Measures what sonde costs. Without parts it measures all of them:
${parts.map(({ name, title }) => `  ${name.padEnd(14)}${title}`).join('\n')}

  --quick       few rounds: rough figures, in about a minute
  --json FILE   writes all figures into a file, too
  --svg FOLDER  draws some of them
  --node LIST   measures "untraced" and "load" on other versions of Node.js, which npm fetches: 22,24 or all (${ALL.join(', ')})
  --help
`;

export interface Command {
  names: string[];
  quick: boolean;
  json: string | undefined;
  svg: string | undefined;
  /** Major versions; none is the one that runs. */
  nodes: readonly string[];
}

/**
 * What the program was asked for. Ends it for --help (status 0) and for a wrong command line
 * (status 2).
 */
export function readCommandLine(parts: readonly Part[]): Command {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        json: { type: 'string' },
        svg: { type: 'string' },
        node: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
    if (values.help) {
      process.stdout.write(help(parts));
      process.exit(0);
    }
    const known = parts.map(({ name }) => name);
    const unknown = positionals.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new Error(`there is no part ${JSON.stringify(unknown)}`);
    const { quick = false, json, svg, node } = values;
    const nodes = node === 'all' ? ALL : (node?.split(',') ?? []);
    const wrong = nodes.find((major) => !/^\d+$/.test(major));
    if (wrong !== undefined) throw new Error(`--node: ${JSON.stringify(wrong)} is no major version such as 24`);
    return { names: positionals.length > 0 ? positionals : known, quick, json, svg, nodes };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${help(parts)}`);
    process.exit(2);
  }
}
