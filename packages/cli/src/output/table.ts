import Table from 'cli-table3';

/** Columns without lines between them; the first row is their names. */
export function table(
  names: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[] = [],
): string {
  const made = new Table({
    head: [...names],
    colAligns: names.map((name) => (right.includes(name) ? 'right' : 'left')),
    chars: Object.fromEntries(LINES.map((line) => [line, ''])) as Record<(typeof LINES)[number], string>,
    style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [], compact: true },
  });
  made.push(...rows.map((row) => [...row]));
  return made.toString().replace(/ +$/gm, '');
}

// biome-ignore format: as they lie around a cell
const LINES = [
  'top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right',
  'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle',
] as const;
