// A picture for documents: the page has all that can be clicked and searched.
import { hierarchy, partition } from 'd3-hierarchy';
import { printable } from '../../output/escape.js';
import { type Profile, type TreeNode, treeOf } from '../stacks.js';
import { COLOURS } from './colours.js';

const [WIDTH, ROW, HEAD] = [1200, 18, 28];
/** Narrower ones cannot be seen. */
const NARROWEST = 0.3;
const CHARACTER = 6.7;

export function svg({ title, unit, stacks }: Profile): string {
  const root = hierarchy(treeOf(stacks)).each((node) => {
    // As d3's `sum` has it, of what is known already.
    Object.assign(node, { value: node.data.value });
  });
  root.sort((a, b) => (a.data.name < b.data.name ? -1 : 1));
  const rows = root.height + 1;
  const height = HEAD + rows * ROW;
  const placed = partition<TreeNode>().size([WIDTH, rows * ROW])(root);
  const boxes = placed
    .descendants()
    .filter(({ x0, x1 }) => x1 - x0 >= NARROWEST)
    .map(({ x0, x1, y0, data }) => {
      const y = height - y0 - ROW;
      const share = ((100 * data.value) / root.data.value).toFixed(1);
      const width = x1 - x0;
      const characters = Math.floor((width - 6) / CHARACTER);
      const name = printable(data.name);
      const label = name.length <= characters ? name : `${name.slice(0, Math.max(0, characters - 1))}…`;
      const written = characters < 3 ? '' : `<text x="${(x0 + 3).toFixed(1)}" y="${y + 13}">${escaped(label)}</text>`;
      return `<g><title>${escaped(name)}: ${data.value} ${unit}, ${share} %</title><rect x="${x0.toFixed(1)}" y="${y}" width="${Math.max(width - 0.5, NARROWEST).toFixed(1)}" height="${ROW - 1}" fill="${COLOURS[data.kind]}"/>${written}</g>`;
    });
  const heading = `${printable(title)}: ${root.data.value} ${unit}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="monospace" font-size="11">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="6" y="18" font-size="14">${escaped(heading)}</text>
${boxes.join('\n')}
</svg>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
