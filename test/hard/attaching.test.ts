// Tracers come and go while threads fire: what is fired between "attached" and "about to leave" is
// counted, and once.
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { bpftrace } from '../support/bpftrace.js';
import { CalledProgram } from '../support/called-program.js';
import { Gdb } from '../support/gdb.js';
import { perf, record } from '../support/perf.js';
import { RawTracer } from '../support/raw-tracer.js';
import { type Scene, useScene } from '../support/scene.js';
import { cannotTest, needsRoot, needsTools } from '../support/tools.js';
import { removeEventAfter } from '../support/uprobe-events.js';
import { meet } from './goals.js';
import type { Commands, Count } from './lanes-program.js';
import { scaled } from './scale.js';

const PROGRAM = fileURLToPath(new URL('lanes-program.js', import.meta.url));
const LANES = 2;
const FETCH = 'lane=%di:u32 number=%si:u32';
const SHOWN = /lane=(\w+) number=(\w+)/g;

/** What was counted of one lane while a tracer was attached: how many numbers, and which. */
interface Counted {
  count: number;
  sum: number;
  least: number;
  most: number;
}

describe('Attaching and leaving under load', () => {
  const scene = useScene();
  before(function () {
    needsRoot(this);
    if (process.arch !== 'x64') cannotTest(this, `the registers are those of x64, and this is ${process.arch}`);
  });

  it("loses and doubles nothing: the kernel's uprobes", async () => {
    const { program, object } = await start(scene.current, { pause: 20 });
    const tracer = RawTracer.place(scene.current, object, 'lanes', FETCH);
    await comeAndGo(program, scaled(100), async (attached, leaving) => {
      tracer.clear();
      tracer.turn(true);
      await attached();
      await leaving();
      tracer.turn(false);
      return summed(tracer.read().join('\n').matchAll(SHOWN));
    });
  });

  it('loses and doubles nothing: two tracers, of which each comes and goes while the other is there', async () => {
    const { program, object } = await start(scene.current, { pause: 20 });
    const [tracer, other] = [0, 0].map(() => RawTracer.place(scene.current, object, 'lanes', FETCH));
    let isOn = false;
    await comeAndGo(program, scaled(30), async (attached, leaving) => {
      tracer!.clear();
      tracer!.turn(true);
      await attached();
      isOn = !isOn;
      other!.turn(isOn);
      await leaving();
      tracer!.turn(false);
      return summed(tracer!.read().join('\n').matchAll(SHOWN));
    });
  });

  it('loses and doubles nothing: bpftrace', async function () {
    needsTools(this, 'bpftrace');
    const { program, object } = await start(scene.current, { pause: 200 });
    const script = `usdt:${object}:lanes:fired {
      if (@seen == 0) { @seen = 1; printf("first\\n"); }
      @count[arg0] = count(); @sum[arg0] = sum(arg1); @least[arg0] = min(arg1); @most[arg0] = max(arg1); }`;
    await comeAndGo(program, scaled(3), async (attached, leaving) => {
      const tracer = bpftrace(scene.current, script);
      await tracer.shows(/^first/m);
      await attached();
      await leaving();
      const output = await tracer.stop();
      // Nothing is shown of a lane that did not fire.
      const value = (map: string, lane: number) =>
        Number(new RegExp(`^@${map}\\[${lane}\\]: (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
      return Array.from({ length: LANES }, (_, lane) => ({
        count: value('count', lane),
        sum: value('sum', lane),
        least: value('least', lane),
        most: value('most', lane),
      }));
    });
  });

  it('loses and doubles nothing: perf', async function () {
    needsTools(this, 'perf');
    const { program, object } = await start(scene.current, { pause: 200 });
    const group = `perf_${process.pid}`;
    removeEventAfter(scene.current, group, 'fired');
    await perf(scene.current, 'probe', '-x', object, '--add', `${group}:fired=lanes_fired lane number`);
    await comeAndGo(program, scaled(3), async (attached, leaving) => {
      const lines = await record(scene.current, `${group}:fired`, program.pid, async () => {
        await attached();
        await leaving();
      });
      return summed(lines.join('\n').matchAll(SHOWN));
    });
  });

  it('loses and doubles nothing: gdb', async function () {
    needsTools(this, 'gdb');
    const { program } = await start(scene.current, { pause: 5000 });
    await comeAndGo(
      program,
      scaled(2),
      async (attached, leaving) => {
        const gdb = await Gdb.attach(scene.current, program.pid);
        await gdb.breakAt('-probe-stap lanes:fired', ['printf "lane=%u number=%u\\n", $_probe_arg0, $_probe_arg1']);
        gdb.go();
        await attached();
        await leaving();
        await gdb.interrupt();
        return summed((await gdb.detach()).matchAll(SHOWN));
      },
      500,
    );
  });
});

async function start(scene: Scene, { pause }: { pause: number }) {
  const program = new CalledProgram<Commands>(PROGRAM, { SONDE_DIR: scene.objects });
  scene.defer(() => program.kill());
  for (let lane = 0; lane < LANES; lane++) await program.call('add', pause);
  return { program, object: await program.call('object') };
}

/**
 * Has a tracer come and go again and again, and compares what it counted with what was fired.
 *
 * @param trace attaches, calls `attached` when the tracer says that it is there and `leaving`
 * before it goes, and returns
 *   what it counted of each lane
 * @param stay for how many milliseconds it is there
 */
async function comeAndGo(
  program: CalledProgram<Commands>,
  times: number,
  trace: (attached: () => Promise<void>, leaving: () => Promise<void>) => Promise<readonly Counted[]>,
  stay = 5,
): Promise<void> {
  let [counted, wrong, missing] = [0, 0, 0];
  const details: string[] = [];
  for (let time = 1; time <= times; time++) {
    let attached: Count[] = [];
    let leaving: Count[] = [];
    const found = await trace(
      async () => {
        attached = await program.call('counts');
        await setTimeout(stay);
      },
      async () => {
        leaving = await program.call('counts');
      },
    );
    for (let lane = 0; lane < LANES; lane++) {
      const { count, sum, least, most } = found[lane]!;
      counted += count;
      // All numbers between the first and the last, each once.
      const expected = most - least + 1;
      const isWrong = count !== expected || sum !== (expected * (least + most)) / 2;
      const [from, to] = [attached[lane]!.started + 1, leaving[lane]!.finished];
      if (to < from) continue;
      const isMissing = !(least <= from && most >= to);
      if (isWrong) wrong++;
      if (isMissing) missing++;
      if (isWrong || isMissing) {
        details.push(
          `time ${time}, lane ${lane}: ${count} from ${least} to ${most}, sum ${sum}; ${from} to ${to} were fired while it was there`,
        );
      }
    }
  }
  meet(
    `${times.toLocaleString('en')} times attached and left, ${LANES} threads`,
    [
      { name: 'fires counted', measured: counted, least: times },
      { name: 'times that one was lost or doubled between', measured: wrong, exactly: 0 },
      { name: 'times that one was lost at an end', measured: missing, exactly: 0 },
    ],
    details.slice(0, 10).join('\n'),
  );
}

/** What was counted, of each lane and number as a tracer showed them. */
function summed(fires: Iterable<RegExpExecArray>): Counted[] {
  const numbers = Array.from({ length: LANES }, (): number[] => []);
  for (const [, lane, number] of fires) numbers[Number(lane)]!.push(Number(number));
  return numbers.map((all) => ({
    count: all.length,
    sum: all.reduce((sum, number) => sum + number, 0),
    least: Math.min(...all),
    most: Math.max(...all),
  }));
}
