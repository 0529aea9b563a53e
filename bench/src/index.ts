// What sonde costs, as ratios between things that are measured side by side in one run: this
// machine is not that one, and is not alone with itself either. Nothing here passes or fails; each
// figure stands beside its goal.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { applications } from './applications.js';
import { argumentsPart } from './arguments.js';
import { draw } from './chart.js';
import { command } from './command.js';
import { readCommandLine } from './command-line.js';
import { events } from './events.js';
import { load } from './load.js';
import { node } from './node.js';
import { findNodes } from './nodes.js';
import type { Part, Result } from './part.js';
import { UNDISTURBED } from './program.js';
import { print } from './report.js';
import { stacks } from './stacks.js';
import { traced } from './traced.js';
import { untraced } from './untraced.js';
import { watched } from './watched.js';

const parts: Part[] = [untraced, traced, argumentsPart, command, events, applications, load, node, stacks, watched];

const { names, quick, json, svg, nodes: majors } = readCommandLine(parts);
const nodes = findNodes(majors);
const machine = {
  node: process.version,
  v8: process.versions.v8,
  platform: `${process.platform} ${process.arch}, kernel ${release()}`,
  cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
  busy: `load average ${loadavg()[0]?.toFixed(1)} before the first measurement`,
  priority: UNDISTURBED.length > 0 ? 'programs run at real-time priority' : 'programs run at the usual priority',
};
console.log(`${Object.values(machine).join(' · ')}${quick ? '\n--quick: few rounds, so rough figures' : ''}`);

const results: Record<string, Result> = {};
for (const part of parts) {
  if (!names.includes(part.name)) continue;
  results[part.name] = await part.run({ quick, nodes });
  print(part, results[part.name]!);
}
if (svg !== undefined) {
  mkdirSync(svg, { recursive: true });
  for (const [name, { tables }] of Object.entries(results)) {
    const drawn = tables.flatMap((table) => (table.chart ? [draw(table, table.chart)] : []));
    drawn.forEach((chart, index) => {
      writeFileSync(join(svg, `${name}${index > 0 ? `-${index + 1}` : ''}.svg`), chart);
    });
  }
}
if (json !== undefined) writeFileSync(json, `${JSON.stringify({ machine, quick, results }, null, 2)}\n`);
