// What the page of a flame graph does. It is put into flame.html when the package is built, and
// reads what was recorded from the element #data.
import flamegraph from 'd3-flame-graph';
import { select } from 'd3-selection';
import './flame.css';

const MATCHED = '#e86ad0';
const KINDS = { javascript: 'JavaScript', builtin: 'built into V8', native: 'native', kernel: 'kernel' };

const { title, unit, duration, colours, root } = JSON.parse(element('#data').textContent);

document.title = `${title} – sonde flame`;
element('h1').textContent = title;
element('#summary').textContent =
  `${root.value} ${unit} in ${(duration / 1000).toFixed(1)} s. The width of a function is its share; those that it called lie below it. Click one to zoom.`;

const there = new Set();
collectKinds(root);
for (const [kind, text] of Object.entries(KINDS)) {
  if (!there.has(kind)) continue;
  const item = document.createElement('li');
  const box = document.createElement('span');
  box.style.background = colours[kind];
  item.append(box, text);
  element('#legend').append(item);
}

const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
const chart = flamegraph()
  .width(width())
  .cellHeight(18)
  .inverted(true)
  .sort(true)
  .minFrameSize(1)
  .transitionDuration(0)
  .setColorMapper((node) => (node.highlight ? MATCHED : colours[node.data.kind]))
  .setLabelHandler(({ data, value }) => `${data.name}: ${value} ${unit}, ${share(value)}`)
  .setDetailsElement(element('#details'))
  .setSearchHandler((_, found, all) => {
    element('output').textContent = `${((100 * found) / all).toFixed(1)} % match`;
  });
// What people type is a text, and no regular expression.
chart.setSearchMatch(({ data }, term) => data.name.toLowerCase().includes(term.toLowerCase()));
select('#graph').datum(root).call(chart);
// What is there is drawn at once; what changes moves.
if (!calm) chart.transitionDuration(250);

const search = element('input');
search.addEventListener('input', () => {
  if (search.value === '') {
    chart.clear();
    element('output').textContent = '';
  } else {
    chart.search(search.value);
  }
});
element('form').addEventListener('submit', (event) => event.preventDefault());
element('#reset').addEventListener('click', () => chart.resetZoom());
addEventListener('resize', () => {
  chart.width(width());
  chart.update();
});

function share(value) {
  return `${((100 * value) / root.value).toFixed(1)} %`;
}

function collectKinds({ kind, children }) {
  there.add(kind);
  children.forEach(collectKinds);
}

function width() {
  return Math.max(320, document.documentElement.clientWidth - 32);
}

function element(selector) {
  return document.querySelector(selector);
}
