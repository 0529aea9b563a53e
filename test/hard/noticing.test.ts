// How soon a process notices that a tracer has come, whichever that is, and whether what it fires
// from then on is seen: while its event loop turns all the time, and while it stands.
import { realpathSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { bpftrace } from '../support/bpftrace.js';
import { CalledProgram } from '../support/called-program.js';
import { Gdb } from '../support/gdb.js';
import { perf, record } from '../support/perf.js';
import { REGISTER } from '../support/runtime-program.js';
import { type Scene, useScene } from '../support/scene.js';
import { Stub, stubOffset } from '../support/stub.js';
import { needsRoot, needsTools } from '../support/tools.js';
import { addEvent, removeEventAfter, TraceInstance } from '../support/uprobe-events.js';
import { meet } from './goals.js';
import type { Commands } from './noticing-program.js';
import { scaled } from './scale.js';

const PROGRAM = fileURLToPath(new URL('noticing-program.js', import.meta.url));
const PROBE = 'http__server__request';
const GROUP = 'sonde_noticing';
/** As often each tracer comes. */
const TIMES = 3;
/** A process looks quickly a hundred times, and then waits until it may again. */
const A_PROCESS = 4;
const ASKED = 5;
/** In milliseconds. A look of its own comes once a second. */
const QUICK_MS = 100;
const SLOW_MS = 1050;
/** The machine may be slow once. */
const ONCE_MS = 3000;
/** Until looks are slow again, after a tracer has opened the object: 3 s, and some. */
const CALM_MS = 3500;

/** Attaches, calls `there` when it has asked the kernel to, leaves, and returns how many requests it saw. */
type Trace = (scene: Scene, program: Program, there: () => Promise<void>) => Promise<number>;

const TRACERS: Record<string, { tools: string[]; opens: boolean; trace: Trace }> = {
  bpftrace: {
    tools: ['bpftrace'],
    opens: true,
    async trace(scene, { object }, there) {
      const tracer = bpftrace(scene, `usdt:${object}:node:${PROBE} { @ = count(); }`);
      await there();
      return Number(/^@: (\d+)$/m.exec(await tracer.stop())?.[1]);
    },
  },
  perf: {
    tools: ['perf'],
    opens: true,
    async trace(scene, { pid, object }, there) {
      const group = `noticing_${process.pid}`;
      removeEventAfter(scene, group, 'request');
      await perf(scene, 'probe', '-x', object, '--add', `${group}:request=node_${PROBE}`);
      const lines = await record(scene, `${group}:request`, pid, there);
      await perf(scene, 'probe', '--del', `${group}:request`);
      return lines.filter((line) => line.includes(':request')).length;
    },
  },
  gdb: {
    tools: ['gdb'],
    opens: true,
    async trace(scene, { pid }, there) {
      const gdb = await Gdb.attach(scene, pid);
      await gdb.breakAt(`-probe-stap node:${PROBE}`, ['echo seen\\n']);
      gdb.go();
      await there();
      await gdb.interrupt();
      return [...(await gdb.detach()).matchAll(/seen/g)].length;
    },
  },
  'a raw write': {
    tools: [],
    opens: false,
    async trace(_scene, { raw }, there) {
      raw.clear();
      raw.enable(GROUP, raw.event, true);
      await there();
      raw.enable(GROUP, raw.event, false);
      return raw.read().length;
    },
  },
};

describe('A process in which a tracer comes', () => {
  const scene = useScene();
  before(function () {
    needsRoot(this);
  });

  for (const [name, tracer] of Object.entries(TRACERS)) {
    for (const isWorking of [true, false]) {
      it(`notices ${name} while it ${isWorking ? 'works' : 'does nothing'}, and is seen from then on`, async function () {
        needsTools(this, 'readelf', ...tracer.tools);
        let program: Program | undefined;
        const delays: number[] = [];
        let seen = 0;
        const times = scaled(TIMES);
        for (let time = 0; time < times; time++) {
          if (time % A_PROCESS === 0) {
            await program?.kill();
            program = await Program.start(scene.current);
            if (isWorking) await program.call('work', true);
            else if (!tracer.opens) await setTimeout(CALM_MS);
          }
          if (!isWorking && !tracer.opens) await setTimeout(SLOW_MS * Math.random());
          const there = program!;
          const stub = there.stub.lastBefore((byte) => byte !== there.untraced);
          const on = there.writes('on');
          seen += await tracer.trace(scene.current, there, async () => {
            delays.push(Number((await on) - (await stub)) / 1e6);
            await there.call('ask', ASKED);
          });
          await there.writes('off');
        }
        const sorted = delays.toSorted((a, b) => a - b);
        const part = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
        meet(`${times} times, of which it took`, [
          { name: 'half, ms at most', measured: part(0.5), most: isWorking || tracer.opens ? QUICK_MS : SLOW_MS },
          { name: '9 of 10', measured: part(0.9), most: ONCE_MS },
          { name: 'all', measured: part(1), most: ONCE_MS },
          { name: 'requests seen', measured: seen, exactly: times * ASKED },
        ]);
      });
    }
  }
});

/** The kernel's own uprobe, which needs nothing but where the probe is. */
class Raw extends TraceInstance {
  readonly event: string;

  constructor(scene: Scene, event: string) {
    super(scene, event);
    this.event = event;
  }
}

class Program extends CalledProgram<Commands> {
  object = '';
  untraced = 0;
  stub!: Stub;
  raw!: Raw;
  /** How much of what it wrote was read. */
  private read = 0;

  static async start(scene: Scene): Promise<Program> {
    const program = new Program(PROGRAM, { SONDE_DIR: scene.objects }, { execArgv: ['--import', REGISTER] });
    scene.defer(() => program.kill());
    program.object = realpathSync(await program.call('object'));
    program.stub = await Stub.find(program.pid, program.object, 'node', PROBE);
    program.untraced = program.stub.firstByte();
    program.raw = new Raw(scene, `raw_${process.pid}_${program.pid}`);
    const offset = (await stubOffset(program.object, 'node', PROBE)).toString(16);
    addEvent(scene, GROUP, program.raw.event, `${program.object}:0x${offset}`);
    return program;
  }

  /** Waits until it writes this; the time that it writes with it. */
  async writes(what: 'on' | 'off'): Promise<bigint> {
    for (let waited = 0; waited < 20_000; waited++) {
      const found = new RegExp(`^${what} (\\d+)\n`, 'm').exec(this.errors.slice(this.read));
      if (found) {
        this.read += found.index + found[0].length;
        return BigInt(found[1]!);
      }
      await setTimeout(1);
    }
    throw new Error(`it did not write "${what}" within 20 s:\n${this.errors}`);
  }
}
