// Fires one of many probes, by what its arguments are, as often as each line says: `KEY TIMES`. It
// answers with nanoseconds for each fire. Its first line is what to attach a tracer to.
import { bytes, int32, json, provider, stack, status, string, uint64 } from 'sonde';
import { readLine, writeLine } from './lines.js';

const made = provider('args', {
  none: [],
  int: [int32('a')],
  bigint: [uint64('a')],
  int4: [int32('a'), int32('b'), int32('c'), int32('d')],
  int12: [
    int32('a'),
    int32('b'),
    int32('c'),
    int32('d'),
    int32('e'),
    int32('f'),
    int32('g'),
    int32('h'),
    int32('i'),
    int32('j'),
    int32('k'),
    int32('l'),
  ],
  string8: [string('text')],
  string64: [string('text')],
  string512: [string('text')],
  string4096: [string('text', { limit: 4096 })],
  unicode64: [string('text')],
  strings3: [string('from'), string('to'), string('subject')],
  bytes: [bytes('memory')],
  json: [json('envelope')],
  stack: [stack('frames')],
});
const texts = Object.fromEntries([8, 64, 512, 4096].map((length) => [length, 'x'.repeat(length)]));
const unicode = 'ö'.repeat(32);
const memory = new Uint8Array(4096);

const fires: Record<Exclude<keyof typeof made, 'unload' | symbol>, (i: number) => void> = {
  none: () => made.none.fire(),
  int: (i) => made.int.fire(i),
  bigint: (i) => made.bigint.fire(2n ** 63n + BigInt(i)),
  int4: (i) => made.int4.fire(i, i, i, i),
  int12: (i) => made.int12.fire(i, i, i, i, i, i, i, i, i, i, i, i),
  string8: () => made.string8.fire(texts[8]!),
  string64: () => made.string64.fire(texts[64]!),
  string512: () => made.string512.fire(texts[512]!),
  string4096: () => made.string4096.fire(texts[4096]!),
  unicode64: () => made.unicode64.fire(unicode),
  strings3: () => made.strings3.fire('alice@example.org', 'bob@example.org', 'a subject'),
  bytes: () => made.bytes.fire(memory),
  json: (i) => made.json.fire({ from: 'alice@example.org', size: i }),
  stack: () => made.stack.fire(),
};

writeLine(`usdt:${status().providers[0]!.location}:args:*`);
for (let line = readLine(); line !== undefined; line = readLine()) {
  const [key, times] = line.split(' ') as [keyof typeof fires, string];
  const fire = fires[key];
  const start = process.hrtime.bigint();
  for (let i = 0; i < Number(times); i++) fire(i);
  writeLine(String(Number(process.hrtime.bigint() - start) / Number(times)));
}
