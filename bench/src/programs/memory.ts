// Fires one probe many times, and tells the resident memory now and then, after a collection.
//   node --expose-gc memory.js VALUES traced|untraced TIMES EVERY
// Its first line is what to attach a tracer to; it waits for a line then. Its second line is the series, in bytes.
import { int32, json, provider, stack, status, string } from 'sonde';
import { readLine, writeLine } from './lines.js';

export type Values = 'plain' | 'json' | 'stack';

const [values, mode, times, every] = [process.argv[2] as Values, process.argv[3], ...process.argv.slice(4).map(Number)];

const smtp = provider('smtp', {
  plain: [string('peer'), int32('port')],
  json: [json('envelope')],
  stack: [stack('where')],
});
const probe = smtp[values];
const peers = Array.from({ length: 256 }, (_, index) => `10.0.0.${index}`);
const fires: Record<Values, (index: number) => void> = {
  plain: (index) => smtp.plain.fire(peers[index & 255]!, index),
  json: (index) => smtp.json.fire({ from: 'alice@example.org', to: [peers[index & 255]], size: index }),
  stack: () => smtp.stack.fire(),
};

const { location, probes } = status().providers[0]!;
writeLine(`${location}:smtp:${probes.find(({ name }) => name === values)!.name}`);
readLine();
const deadline = Date.now() + 30_000;
while (probe.enabled !== (mode === 'traced')) {
  if (Date.now() > deadline) throw new Error(`the probe was not ${mode} within 30 s`);
}

const fire = fires[values];
const series: number[] = [];
sample();
for (let index = 1; index <= times!; index++) {
  fire(index);
  if (index % every! === 0) sample();
}
writeLine(JSON.stringify(series));

function sample(): void {
  gc!();
  series.push(process.memoryUsage.rss());
}
