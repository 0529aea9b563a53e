import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ParseArgsConfig, parseArgs } from 'node:util';

/**
 * Whether a module is the program that runs, and not imported by another:
 * `isMain(import.meta.url)`.
 */
export function isMain(url: string): boolean {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(url);
}

/** A wrong command line: the message says which option, and what it must be. */
export class UsageError extends Error {}

/**
 * The options that the program was started with. Ends the program for `--help` (status 0), and with
 * the error and the help text when an option is unknown or `check` throws a {@link UsageError}
 * (status 2).
 */
export function readOptions<const Options extends NonNullable<ParseArgsConfig['options']>, Result>(
  help: string,
  options: Options,
  check: (values: ReturnType<typeof parseArgs<{ options: Options }>>['values']) => Result,
): Result {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean' } } });
    if ((values as { help?: boolean }).help) {
      process.stdout.write(help);
      process.exit(0);
    }
    return check(values as Parameters<typeof check>[0]);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!(error instanceof UsageError || code?.startsWith('ERR_PARSE_ARGS'))) throw error;
    process.stderr.write(`${message}\n\n${help}`);
    process.exit(2);
  }
}

/** A whole number from an option's text. */
export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  throw new UsageError(`--${option} is ${JSON.stringify(text)}; give a whole number from ${least} to ${most}`);
}
