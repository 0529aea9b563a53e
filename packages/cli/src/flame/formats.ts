// The format of a file, by how its name ends.
import { CommandError } from '../error.js';
import { printable } from '../output/escape.js';
import type { Profile } from './stacks.js';

export type Format = (profile: Profile) => Promise<string | Buffer>;

const FORMATS: Record<string, Format> = {
  '.html': async (profile) => (await import('./formats/html.js')).html(profile),
  '.svg': async (profile) => (await import('./formats/svg.js')).svg(profile),
  '.folded': async (profile) => (await import('./formats/folded.js')).folded(profile),
  '.speedscope.json': async (profile) => (await import('./formats/speedscope.js')).speedscope(profile),
  '.pb.gz': async (profile) => (await import('./formats/pprof.js')).pprof(profile),
};

/** @throws {CommandError} if it ends otherwise */
export function formatOf(file: string): Format {
  if (file === '-') return async (profile) => (await import('./formats/text.js')).text(profile);
  const ending = Object.keys(FORMATS).find((each) => file.toLowerCase().endsWith(each));
  if (ending !== undefined) return FORMATS[ending]!;
  throw new CommandError(
    'usage',
    `--output is ${printable(file)}, whose ending stands for no format; give a file that ends in ${Object.keys(FORMATS).join(', ')}, or - for text`,
  );
}
