// What a process with @sonde/node does while nothing happens: how often it wakes up, as the kernel
// counts it.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { environment } from '../support/run-node.js';
import { REGISTER } from '../support/runtime-program.js';
import { type Scene, useScene } from '../support/scene.js';
import { cannotTest, needsTools } from '../support/tools.js';
import { meet } from './goals.js';
import { scaled } from './scale.js';

/**
 * What a start does is done by then: V8 collects garbage some eight seconds after it, for which it
 * wakes up a dozen times. The hundred quick looks that a process has at once are used up after five.
 */
const STARTED_MS = 12_000;

describe('A process that does nothing', function () {
  this.timeout(300_000);
  const scene = useScene();
  before(function () {
    if (process.platform !== 'linux') cannotTest(this, `it reads /proc, and this is ${process.platform}`);
  });

  it('wakes up once a second, more often for some seconds when the probe object is opened, and is calm again', async () => {
    const program = await start(scene.current);
    await setTimeout(STARTED_MS);
    const seconds = scaled(5);
    meet(`${seconds} s`, [{ name: 'wake-ups', measured: await program.wakeUps(seconds * 1000), most: seconds + 2 }]);
    program.openObject();
    meet('2 s, when it was opened', [{ name: 'wake-ups', measured: await program.wakeUps(2000), least: 20 }]);
    await setTimeout(2000);
    meet('5 s, later', [{ name: 'wake-ups', measured: await program.wakeUps(5000), most: 7 }]);
  });

  it('is not woken ever more often where the object is opened all the time', async () => {
    const program = await start(scene.current);
    let isOver = false;
    const opening = (async () => {
      while (!isOver) {
        program.openObject();
        await setTimeout(20);
      }
    })();
    await setTimeout(STARTED_MS);
    const later = await program.wakeUps(5000);
    isOver = true;
    await opening;
    // One of these comes back a second.
    meet('5 s, of opening it 50 times a second', [{ name: 'wake-ups', measured: later, most: 15 }]);
  });

  for (const [limit, isTaken] of [
    [8, false],
    [16, true],
  ] as const) {
    it(`${isTaken ? 'takes an' : 'leaves the'} inotify instance${isTaken ? '' : 's to others'} where a user has ${limit}`, async function () {
      needsTools(this, 'unshare');
      const program = await start(scene.current, [
        ...['unshare', '--user', '--map-root-user', 'sh', '-c'],
        `echo ${limit} > /proc/sys/user/max_inotify_instances && exec "$@"`,
        'sh',
      ]);
      assert.equal(program.descriptors().filter((target) => target === 'anon_inode:inotify').length, isTaken ? 1 : 0);
    });
  }
});

async function start(scene: Scene, through: readonly string[] = []): Promise<Idle> {
  const script = 'setInterval(() => {}, 2 ** 30); console.log("ready")';
  const [command, ...args] = [...through, process.execPath, '--import', REGISTER, '-e', script];
  const child = spawn(command!, args, {
    env: environment(scene, { SONDE_FUNCTIONS: undefined }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  scene.defer(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  await once(child.stdout!, 'data');
  return new Idle(child, realpathSync(join(scene.objects, 'node.so')));
}

class Idle {
  private readonly pid: number;
  private readonly object: string;

  constructor(child: ChildProcess, object: string) {
    this.pid = child.pid!;
    this.object = object;
  }

  openObject(): void {
    closeSync(openSync(this.object, 'r'));
  }

  /** How often the thread of JavaScript began to wait anew, in so many milliseconds. */
  async wakeUps(milliseconds: number): Promise<number> {
    const before = this.waits();
    await setTimeout(milliseconds);
    return this.waits() - before;
  }

  descriptors(): string[] {
    return readdirSync(`/proc/${this.pid}/fd`).map((name) => readlinkSync(`/proc/${this.pid}/fd/${name}`));
  }

  private waits(): number {
    const status = readFileSync(`/proc/${this.pid}/task/${this.pid}/status`, 'utf8');
    return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)![1]);
  }
}
