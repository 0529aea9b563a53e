import { printable } from '../../output/escape.js';
import type { Profile } from '../stacks.js';

/** A line for each stack, `main;deliver;write 12`: what FlameGraph, inferno and others read. */
export function folded({ stacks }: Profile): string {
  return stacks
    .map(
      ({ frames, count }) => `${frames.map(({ name }) => printable(name).replaceAll(';', ':')).join(';')} ${count}\n`,
    )
    .join('');
}
