// Times fires while the probe is traced as a user event, by a uprobe, and both, by ftrace. Prints
// nanoseconds per fire.
//   node events.js ROUNDS
import { appendFileSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { readElf } from '@sonde/elf';
import { int32, provider, status, string } from 'sonde';

export type EventTimes = Record<'untraced' | 'event' | 'uprobe' | 'both', number[]>;

const TRACEFS = '/sys/kernel/tracing';
const TIMES = 20_000;
const rounds = Number(process.argv[2]);

const { sessionStart } = provider('sonde_bench', { sessionStart: [string('peer'), int32('port')] });
const location = status().providers[0]!.location!;
const symbol = 'sonde_bench_session__start';
const elf = readElf(readFileSync(location));
const { address } = elf.symbols().find(({ name }) => name === symbol)!;
const values = process.arch === 'x64' ? 'peer=+0(%di):string port=%si:s32' : 'peer=+0(%x0):string port=%x1:s32';

const group = `sonde_bench_${process.pid}`;
const folder = `${TRACEFS}/instances/${group}`;
mkdirSync(folder);
appendFileSync(
  `${TRACEFS}/uprobe_events`,
  `p:${group}/start ${location}:0x${elf.fileOffset(address)!.toString(16)} ${values}\n`,
);
const enable = (event: string, on: boolean) => writeFileSync(`${folder}/events/${event}/enable`, on ? '1' : '0');
const asEvent = `user_events/${symbol}`;
const asUprobe = `${group}/start`;

const ways: Record<keyof EventTimes, string[]> = {
  untraced: [],
  event: [asEvent],
  uprobe: [asUprobe],
  both: [asEvent, asUprobe],
};
const times: EventTimes = { untraced: [], event: [], uprobe: [], both: [] };
try {
  for (let round = -1; round < rounds; round++) {
    for (const [way, events] of Object.entries(ways) as [keyof EventTimes, string[]][]) {
      for (const event of events) enable(event, true);
      const nanoseconds = fire();
      for (const event of events) enable(event, false);
      // The first round warms up.
      if (round >= 0) times[way].push(nanoseconds);
    }
  }
} finally {
  appendFileSync(`${TRACEFS}/uprobe_events`, `-:${group}/start\n`);
  rmdirSync(folder);
}
console.log(JSON.stringify(times));

function fire(): number {
  const start = process.hrtime.bigint();
  for (let port = 0; port < TIMES; port++) sessionStart.fire('10.0.0.7', port);
  return Number(process.hrtime.bigint() - start) / TIMES;
}
