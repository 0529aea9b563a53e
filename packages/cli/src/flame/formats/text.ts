import { printable } from '../../output/escape.js';
import { style } from '../../output/style.js';
import { type FrameKind, type Profile, total } from '../stacks.js';

/** More are not read by anybody. */
const MOST_STACKS = 10;
/** The outer frames of deeper ones are left out. */
const MOST_FRAMES = 25;

const STYLES: Record<FrameKind, Parameters<typeof style>[0]> = {
  javascript: 'green',
  builtin: 'cyan',
  native: 'yellow',
  kernel: 'magenta',
};

/** The heaviest stacks, for people: the innermost frame of each first. */
export function text({ title, unit, stacks }: Profile): string {
  const all = total(stacks);
  const shown = stacks.slice(0, MOST_STACKS).map(({ frames, count }) => {
    const lines = frames
      .slice(-MOST_FRAMES)
      .reverse()
      .map(({ name, kind }) => `    ${style(STYLES[kind], printable(name))}`);
    const outer = frames.length - lines.length;
    if (outer > 0) lines.push(`    ${style('dim', `… and ${outer} that called these`)}`);
    return `${style('bold', `${count} ${unit}, ${((100 * count) / all).toFixed(1)} %`)}\n${lines.join('\n')}\n`;
  });
  const more = stacks.length - shown.length;
  return [
    `${printable(title)}: ${all} ${unit}\n`,
    ...shown,
    ...(more > 0 ? [style('dim', `and ${more} other stacks\n`)] : []),
  ].join('\n');
}
