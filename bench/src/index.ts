// What sonde costs, as ratios between things that are measured side by side in one run: this machine is not that one, and
// is not alone with itself either. Nothing here passes or fails; each figure stands beside its goal.
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { readCommandLine } from './command-line.js';
import { events } from './events.js';
import { load } from './load.js';
import { memory } from './memory.js';
import { node } from './node.js';
import type { Part, Result } from './part.js';
import { print } from './report.js';
import { traced } from './traced.js';
import { untraced } from './untraced.js';

const parts: Part[] = [untraced, traced, events, load, memory, node];

const { names, quick, json } = readCommandLine(parts);
const machine = {
  node: process.version,
  v8: process.versions.v8,
  platform: `${process.platform} ${process.arch}, kernel ${release()}`,
  cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
  busy: `load average ${loadavg()[0]?.toFixed(1)} before the first measurement`,
};
console.log(`${Object.values(machine).join(' · ')}${quick ? '\n--quick: few rounds, so rough figures' : ''}`);

const results: Record<string, Result> = {};
for (const part of parts) {
  if (!names.includes(part.name)) continue;
  results[part.name] = await part.run({ quick });
  print(part, results[part.name]!);
}
if (json !== undefined) writeFileSync(json, `${JSON.stringify({ machine, quick, results }, null, 2)}\n`);
