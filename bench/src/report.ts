import CliTable from 'cli-table3';
import type { Figure, Goal, Part, Result, Table } from './part.js';

/** Prints a part's figures, for people. */
export function print({ name, title }: Part, { leftOut = [], notes, tables, goals }: Result): void {
  console.log(`\n${name}: ${title}`);
  for (const note of notes) console.log(`  ${note}`);
  for (const table of tables) console.log(`\n${text(table)}`);
  if (goals.length > 0) console.log('');
  for (const goal of goals) console.log(`  goal: ${verdict(goal)}`);
  for (const reason of leftOut) console.log(`  LEFT OUT: ${reason}`);
}

/** In plain words: met or not, and by how much. */
function verdict({ what, measured, most, unit, digits }: Goal): string {
  const show = (value: number) => `${value.toFixed(digits)}${unit}`;
  const by = show(Math.abs(most - measured));
  let result = measured <= most ? 'met' : 'NOT MET';
  if (Number.isNaN(measured)) result = 'not measured';
  else if (Number.isFinite(measured) && measured !== most) result += `, by ${by}`;
  return `${what} ≤ ${show(most)}: ${show(measured)}, ${result}`;
}

function text({ head, rows }: Table): string {
  const lines = new CliTable({
    head,
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 3 },
    chars: Object.fromEntries(BORDERS.map((border) => [border, ''])),
  });
  for (const [what, ...cells] of rows) {
    lines.push([what, ...cells.map((cell) => (typeof cell === 'string' ? cell : withSpread(cell)))]);
  }
  return lines.toString().replace(/^/gm, '  ').replace(/ +$/gm, '');
}

function withSpread({ summary: { median, low, high }, digits }: Figure): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)} – ${high.toFixed(digits)})`;
}

const BORDERS = [
  ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
  ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
];
