// Makes a flame graph of what `perf script` wrote: SVG, the widths are samples, a frame lies on the
// one that called it.
//
//   perf script -i perf.data | node flame-graph.mjs > flames.svg
import { createInterface } from 'node:readline';

const [WIDTH, ROW] = [1200, 16];
const root = { name: 'all', samples: 0, called: new Map() };

let frames = [];
for await (const line of createInterface({ input: process.stdin })) {
  // Of a frame: `	    7f87277efe6e deliver /app/mail.js:12+0x1ae (/tmp/perf-28247.map)`. An empty
  // line ends a sample.
  const [, name] = /^\s+[0-9a-f]+ (.+?)(?:\+0x[0-9a-f]+)? \([^()]*\)$/.exec(line) ?? [];
  if (name !== undefined) frames.push(name);
  else if (line.trim() === '') take();
}
take();
process.stdout.write(draw());

function take() {
  if (frames.length === 0) return;
  let node = root;
  node.samples++;
  for (const name of frames.reverse()) {
    if (!node.called.has(name)) node.called.set(name, { name, samples: 0, called: new Map() });
    node = node.called.get(name);
    node.samples++;
  }
  frames = [];
}

function depth(node) {
  return 1 + Math.max(0, ...[...node.called.values()].map(depth));
}

function draw() {
  const rows = depth(root);
  const boxes = [];
  place(root, 0, 0);
  const height = rows * ROW;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="monospace" font-size="11">\n${boxes.join('\n')}\n</svg>\n`;

  function place(node, x, level) {
    const width = (node.samples / root.samples) * WIDTH;
    if (width < 0.5) return;
    const y = (rows - 1 - level) * ROW;
    const title = `${node.name}: ${node.samples} of ${root.samples}`;
    // JavaScript has a file and a line; the rest is native code.
    const colour = /:\d+$/.test(node.name)
      ? '#7fb069'
      : /^(builtin|wasm|Builtins_)/.test(node.name)
        ? '#b5c99a'
        : '#e6aa68';
    const text =
      width > 40 ? `<text x="${x + 3}" y="${y + 12}">${escaped(node.name.slice(0, Math.floor(width / 7)))}</text>` : '';
    boxes.push(
      `<g><title>${escaped(title)}</title><rect x="${x}" y="${y}" width="${width}" height="${ROW - 1}" fill="${colour}"/>${text}</g>`,
    );
    let next = x;
    for (const child of node.called.values()) {
      place(child, next, level + 1);
      next += (child.samples / root.samples) * WIDTH;
    }
  }
}

function escaped(text) {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
