import { endOf, type Group, leastOf, NEGATIVE, percentile } from '../engines/aggregation.js';
import type { Unit } from '../model.js';
import { showNumber } from '../question/units.js';
import { style } from './style.js';

const WIDTH = 40;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const SHARES = [0.5, 0.9, 0.99];

/** The buckets of a group, a line each, from the first to the last that has something in it. */
export function histogram({ buckets, count }: Pick<Group, 'buckets' | 'count'>, unit: Unit | undefined): string {
  const numbers = [...buckets.keys()];
  if (numbers.length === 0) return '  no values';
  const first = Math.min(...numbers);
  const last = Math.max(...numbers);
  const most = Math.max(...buckets.values());
  const rows = Array.from({ length: last - first + 1 }, (_, index) => first + index).map((bucket) => ({
    range: rangeOf(bucket, unit),
    count: buckets.get(bucket) ?? 0,
  }));
  const rangeWidth = Math.max(...rows.map(({ range }) => range.length));
  const countWidth = Math.max(...rows.map((row) => String(row.count).length));
  const lines = rows.flatMap((row, index) => {
    const isInGap = (at: number) => rows.slice(Math.max(at - 1, 0), at + 2).every((each) => each.count === 0);
    // Of many empty ones in a row the first and the last are shown.
    if (isInGap(index)) return isInGap(index - 1) ? [] : [`  ${'⋮'.padStart(rangeWidth)}`];
    const bar = style('cyan', barOf(row.count / most));
    return [`  ${row.range.padStart(rangeWidth)}  ${String(row.count).padStart(countWidth)}  ${bar}`.trimEnd()];
  });
  return `${lines.join('\n')}\n  ${count} in all; ${percentilesOf(buckets, unit)}`;
}

/** "half < 4.10ms, 90 % < 8.19ms": what is known of them is the bucket. */
export function percentilesOf(buckets: ReadonlyMap<number, number>, unit: Unit | undefined): string {
  return SHARES.map((share) => {
    const bucket = percentile(buckets, share)!;
    return `p${100 * share} < ${showNumber(endOf(bucket), unit)}`;
  }).join(', ');
}

function rangeOf(bucket: number, unit: Unit | undefined): string {
  if (bucket === NEGATIVE) return '< 0';
  if (bucket <= 1) return showNumber(leastOf(bucket), unit);
  return `${showNumber(leastOf(bucket), unit)} – ${showNumber(endOf(bucket), unit)}`;
}

function barOf(share: number): string {
  const eighths = Math.round(share * WIDTH * 8);
  const bar = '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
  return bar === '' && share > 0 ? EIGHTHS[1]! : bar;
}
