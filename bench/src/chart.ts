// A table's figures as bars, for the documentation: an SVG that is readable on a light page and on
// a dark one.
import type { Chart, Figure, Table } from './part.js';

const WIDTH = 760;
const LABELS = 330;
const BAR = 16;
const LINE = 26;
const TOP = 40;
const RIGHT = 90;

/** The bars are medians; the lines over them go from one quartile to the other. */
export function draw({ rows }: Table, { title, column, unit }: Chart): string {
  const bars = rows.flatMap(([what, ...cells]) => {
    const cell = cells[column - 1];
    return typeof cell === 'object' ? [{ what, cell }] : [];
  });
  const most = Math.max(...bars.map(({ cell }) => Math.max(cell.summary.median, cell.summary.high)));
  const scale = (value: number) => (Math.max(0, value) / most) * (WIDTH - LABELS - RIGHT);
  const lines = bars.flatMap(({ what, cell }, index) => bar(what, cell, TOP + index * LINE, scale, unit));
  const height = TOP + bars.length * LINE + 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13" fill="#808890">
<title>${plain(title)}</title>
<text x="${LABELS}" y="22" font-size="15">${plain(title)}</text>
${lines.join('\n')}
</svg>
`;
}

function bar(what: string, { summary, digits }: Figure, y: number, scale: (value: number) => number, unit: string) {
  const middle = y + BAR / 2;
  const end = LABELS + Math.max(scale(summary.median), scale(summary.high));
  return [
    `<text x="${LABELS - 8}" y="${middle + 4}" text-anchor="end">${plain(what)}</text>`,
    `<rect x="${LABELS}" y="${y}" width="${scale(summary.median).toFixed(1)}" height="${BAR}" fill="${what.includes('sonde') || what.includes('probe') ? '#2f81f7' : '#a0a8b0'}"/>`,
    `<path d="M${(LABELS + scale(summary.low)).toFixed(1)} ${middle}H${(LABELS + scale(summary.high)).toFixed(1)}" stroke="#d29922" stroke-width="2"/>`,
    `<text x="${(end + 6).toFixed(1)}" y="${middle + 4}">${summary.median.toFixed(digits)}${unit}</text>`,
  ];
}

const plain = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
