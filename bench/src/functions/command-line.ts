import { parseArgs } from 'node:util';
import { LOADS } from './load.js';

const RETURNS = ['fast', 'exact'];

const help = `npm run bench:functions -- [options]

Measures what probes in functions cost that nobody traces: processor time for the same work.

  --servers LIST   of ${Object.keys(LOADS).join(', ')}; all unless given
  --returns LIST   of ${RETURNS.join(', ')}; fast unless given
  --minutes N      for all of them together; 9 unless given. Three processes for each are the least, whatever that takes
  --bursts W,C     bursts for each copy in a process: to warm up, and that count; 12,36 unless given
  --start          instead: processor time until a server listens
  --rounds N       with --start; 20 unless given
  --help
`;

export interface Command {
  servers: string[];
  returns: string[];
  minutes: number;
  /** Bursts for each copy until V8 has made of it what it makes of it, and those that count. */
  warm: number;
  counted: number;
  start: boolean;
  rounds: number;
}

/**
 * What the program was asked for. Ends it for --help (status 0) and for a wrong command line
 * (status 2).
 */
export function readCommandLine(): Command {
  try {
    const { values } = parseArgs({
      options: {
        servers: { type: 'string', default: Object.keys(LOADS).join() },
        returns: { type: 'string', default: 'fast' },
        minutes: { type: 'string', default: '9' },
        bursts: { type: 'string', default: '12,36' },
        start: { type: 'boolean', default: false },
        rounds: { type: 'string', default: '20' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(help);
      process.exit(0);
    }
    const [warm, counted, ...more] = values.bursts.split(',').map((value) => whole('--bursts', value));
    if (counted === undefined || more.length > 0) throw new Error(`--bursts: ${values.bursts} are not two numbers`);
    return {
      servers: list('--servers', values.servers, Object.keys(LOADS)),
      returns: list('--returns', values.returns, RETURNS),
      minutes: whole('--minutes', values.minutes),
      warm: warm!,
      counted,
      start: values.start,
      rounds: whole('--rounds', values.rounds),
    };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${help}`);
    process.exit(2);
  }
}

function list(option: string, given: string, known: readonly string[]): string[] {
  const names = given.split(',');
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Error(`${option}: ${JSON.stringify(unknown)} is not known; there are ${known.join(', ')}`);
  }
  return names;
}

function whole(option: string, given: string): number {
  if (!/^[1-9]\d*$/.test(given)) throw new Error(`${option}: ${JSON.stringify(given)} is no whole number from 1 on`);
  return Number(given);
}
