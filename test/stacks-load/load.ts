// Load, with a tracer that comes and goes every few seconds: does a name that bpftrace shows ever
// tell of code that is not there any more, does the process grow, does it end? Has every frame a
// name?
//
//   npm run suite -- stacks-load --minutes 30 [--node PATH]
//
// The frames of each stack are compared with the `stack` argument of the same fire. bpftrace looks
// names up when it prints, at its end, so what is compared is fired right before that, after all
// the code that came and went.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CalledProgram } from '../support/called-program.js';
import { REGISTER } from '../support/runtime-program.js';
import { Tracer } from '../support/tracer.js';
import type { Commands } from './program.js';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' }, node: { type: 'string' } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
  console.error(`--minutes is ${values.minutes}; give a number above 0`);
  process.exit(2);
}

/** Of what the process keeps: the allocator's own waste comes and goes by tens of MiB. */
const MOST_GROWTH = 64 * 2 ** 20;

const folder = await mkdtemp(join(tmpdir(), 'sonde-load-'));
const program = new CalledProgram<Commands>(
  fileURLToPath(new URL('program.js', import.meta.url)),
  { SONDE_DIR: folder },
  { execArgv: ['--import', REGISTER], ...(values.node !== undefined && { node: values.node }) },
);
const counts = { cycles: 0, stacks: 0, frames: 0, wrong: 0, unnamed: 0, entries: 0 };
const resident: number[] = [];
try {
  await program.call('status');
  const script = `usdt:${folder}/node.so:node:stacks__on {} usdt:${folder}/load.so:load:here { @[str(arg0), ustack] = count(); }`;
  const end = Date.now() + minutes * 60_000;
  while (Date.now() < end) {
    const tracer = new Tracer('bpftrace', ['-e', script], { BPFTRACE_CACHE_USER_SYMBOLS: '1', BPFTRACE_STRLEN: '200' });
    await until(async () => (await program.call('status')).on);
    assert.ok(await program.call('thread'), 'names come to new threads too');
    await program.call('churn', 1000);
    await program.call('fire');
    // The file is 20 ms behind, or as long as it takes to write it anew.
    await setTimeout(300);
    counts.entries = (await program.call('status')).entries ?? 0;
    compare(await tracer.stop());
    await until(async () => !(await program.call('status')).on);
    resident.push(await program.call('churn', 500));
    if (++counts.cycles % 10 === 0) console.log(`${new Date().toISOString()} ${told()}`);
  }
  await until(async () => !existsSync(`/tmp/perf-${program.pid}.map`));
  console.log(told());
  assert.equal(await program.end(), 0);
  assert.equal(counts.wrong, 0, 'names of what is not there any more');
  assert.equal(counts.unnamed, 0, 'frames without a name');
  assert.ok(counts.frames > 0, 'no frame was compared');
  const [early, late] = [resident.slice(1, 1 + resident.length / 4), resident.slice(-resident.length / 4)].map(median);
  assert.ok(late! - early! < MOST_GROWTH, `resident memory grew from ${early} to ${late}`);
} finally {
  await program.kill().catch(() => {});
  await rm(`/tmp/perf-${program.pid}.map`, { force: true });
  await rm(folder, { recursive: true, force: true });
}

function compare(output: string): void {
  for (const [, argument, ustack] of output.matchAll(/^@\[([\s\S]*?), \n([\s\S]*?)^\]: \d+$/gm)) {
    counts.stacks++;
    const told = [...argument!.matchAll(/\b([fgh]\d+) \(\/load\//g)].map(([, name]) => name);
    const lines = ustack!.trim().split('\n');
    const shown = lines.flatMap((line) => /^\s*([fgh]\d+) eval:\d+\+\d+$/.exec(line)?.[1] ?? []);
    counts.unnamed += lines.filter((line) => /^\s*0x[0-9a-f]+$/.test(line)).length;
    counts.frames += shown.length;
    // Inlined functions are in the argument only.
    let next = 0;
    for (const frame of shown) {
      const found = told.indexOf(frame, next);
      if (found === -1) {
        counts.wrong++;
        console.log(`wrong: ${frame} is not where it would be in\n${argument}\n${ustack}`);
      } else {
        next = found + 1;
      }
    }
  }
}

function told(): string {
  const [first, last] = [resident[1] ?? 0, resident.at(-1) ?? 0].map((bytes) => (bytes / 2 ** 20).toFixed(0));
  return `${counts.cycles} times attached: ${counts.stacks} stacks, ${counts.frames} frames compared, ${counts.wrong} wrong, ${counts.unnamed} without a name; ${counts.entries} pieces of code; resident ${first} → ${last} MiB`;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (await condition()) return;
    await setTimeout(50);
  }
  assert.fail('it took more than 30 s');
}
