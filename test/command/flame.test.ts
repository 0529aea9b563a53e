// `sonde flame`: whose functions it finds, and that it leaves a process as it was.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { bpftrace } from '../support/bpftrace.js';
import { COMMAND, leftInKernel, sonde, sondeJson, startSonde } from '../support/command.js';
import { REGISTER } from '../support/runtime-program.js';
import { type Scene, useScene } from '../support/scene.js';
import { placeOf, StacksProgram } from '../support/stacks-program.js';
import { asUser, cannotTest, needsOtherUser, needsRoot, needsTools, OTHER_USER } from '../support/tools.js';
import { run } from '../support/tracer.js';

const MAILSERVER = fileURLToPath(new URL('../../../examples/mailserver', import.meta.url));
/** The addon removes its file of names so long after the last tracer has left. */
const GONE_MS = 10_000;
/** A command of the program is compiled to a loop in it while it runs. */
const WORK = placeOf('work', '  work(');

interface Told {
  title: string;
  unit: string;
  count: number;
  stacks: { count: number; frames: { name: string; kind: string }[] }[];
}

describe('sonde flame', function () {
  this.timeout(90_000);
  // perf looks names up after it took the samples: V8 may have moved code meanwhile (docs/stacks.md).
  this.retries(2);
  const scene = useScene();
  before(function () {
    needsTools(this, 'perf');
    needsRoot(this);
  });

  it('names the functions of a mail server under load', async () => {
    const pid = await mailServer(scene.current);
    const { unit, count, stacks, title } = sondeJson<Told>('flame', String(pid), '--duration', '3s');
    assert.equal(unit, 'samples');
    assert.match(title, /^node --import .* \(\d+\), 3\.0 s$/);
    assert.ok(count > 20, `${count} samples`);
    assert.equal(
      stacks.reduce((sum, each) => sum + each.count, 0),
      count,
    );
    const names = new Set(stacks.flatMap(({ frames }) => frames.map(({ name }) => name)));
    assert.ok(
      [...names].some((name) => /^\S+ \/.*smtp-server.*\.js:\d+$/.test(name)),
      [...names].join('\n'),
    );
    const all = stacks.flatMap(({ frames, count: times }) => frames.map(({ name }) => ({ name, times })));
    const javascript = all.filter(({ name }) => / (?:\/|node:).*:\d+$/.test(name)).length;
    const without = all.filter(({ name }) => name === '[JavaScript without a name]').length;
    assert.ok(without * 10 < javascript, `${without} of ${javascript} without a name`);
    await restsWithoutFile(pid);
  });

  it('writes what was asked for, and replaces what was there', async () => {
    const program = await StacksProgram.start(scene.current);
    for (const ending of ['html', 'svg', 'folded', 'speedscope.json', 'pb.gz']) {
      const file = join(scene.current.folder, `flames.${ending}`);
      writeFileSync(file, 'x'.repeat(1_000_000));
      const { status, stderr } = await whileWorking(program, 'flame', String(program.pid), '-d', '500ms', '-o', file);
      assert.equal(status, 0, stderr);
      const made = readFileSync(file);
      assert.ok(!made.includes('xxxxxxxx'));
      // Function and file are apart in these.
      const text = String(ending === 'pb.gz' ? gunzipSync(made) : made);
      assert.ok(text.includes(['pb.gz', 'speedscope.json'].includes(ending) ? 'work' : WORK), ending);
    }
  });

  it('says at once what cannot be', async () => {
    const program = await StacksProgram.start(scene.current);
    const refused = (...args: string[]) => {
      const { status, stderr } = sonde('flame', ...args);
      return [
        status,
        stderr
          .trim()
          .split('\n')
          .at(-1)!
          .replace(/^sonde: /, ''),
      ];
    };
    const pid = String(program.pid);
    assert.match(String(refused(pid, '-o', 'flames.png')), /^2,--output is flames\.png.*\.html, \.svg/);
    assert.match(String(refused(pid, '-o', '/nowhere/at.svg')), /^1,\/nowhere\/at\.svg cannot be written: ENOENT/);
    assert.match(String(refused('no such command line at all')), /^3,no process matches/);
    assert.match(String(refused('999999999')), /^3,there is no process/);
    assert.match(String(refused(pid, '-F', '0')), /^2,.*whole number/);
    assert.match(String(refused(pid, '-d', '200ms')), /^3,no samples were taken/);
  });

  it('prints what it would run', async () => {
    const program = await StacksProgram.start(scene.current);
    const { stdout, status } = sonde('flame', String(program.pid), '--dry-run', '-d', '2s');
    assert.equal(status, 0);
    assert.match(
      stdout,
      new RegExp(`^perf record -g -e cpu-clock -F 99 -p ${program.pid} -o perf\\.data -- sleep 2$`, 'm'),
    );
    assert.match(stdout, /^bpftrace -e 'usdt:.*:node:stacks__on \{\}' &$/m);
    assert.deepEqual(await program.call('status'), { on: false, wanted: [] });
  });

  it('records several processes, each under its own name', async () => {
    const programs = [await StacksProgram.start(scene.current), await StacksProgram.start(scene.current)];
    const command = startSonde(scene.current, ['flame', 'stacks-program.js', '-d', '1500ms', '--json']);
    await command.shows(/sampling \d+ processes/);
    await Promise.all(programs.map((program) => program.call('work', 1200)));
    const output = await command.end();
    const { stacks } = JSON.parse(output.split('\n').find((line) => line.startsWith('{'))!) as Told;
    for (const { pid } of programs) {
      const own = stacks.filter(({ frames }) => frames[0]!.name.endsWith(`(${pid})`));
      assert.ok(own.some(({ frames }) => frames.some(({ name }) => name === WORK)));
    }
  });

  describe('--on', () => {
    it("records where a probe fires, each time, without sonde's own functions", async () => {
      const program = await StacksProgram.start(scene.current);
      const [told, killed] = await firing(program, 'frames:here', async () => {
        for (let i = 0; i < 50; i++) await program.call('fire', 'interpreted');
      });
      assert.deepEqual([told.unit, told.count], ['fires', 50]);
      const { frames } = told.stacks[0]!;
      assert.deepEqual(
        frames.slice(-2).map(({ name }) => name),
        [placeOf('interpretedFrame'), placeOf('fire')],
      );
      assert.deepEqual(leftInKernel(killed), []);
      await rests(program.pid);
    });

    it('tells several probes apart', async () => {
      const program = await StacksProgram.start(scene.current);
      const [{ stacks }] = await firing(program, '*:{here,stacks__ready}', () => program.call('fire', 'interpreted'));
      assert.deepEqual(
        stacks.map(({ frames }) => frames.at(-1)!.name),
        ['frames:here'],
      );
    });

    it('records functions and tracepoints, and what calls them', async () => {
      const pid = await mailServer(scene.current);
      for (const [on, leaf] of [
        ['uprobe:libc:fdatasync', 'fdatasync'],
        ['tracepoint:syscalls:sys_enter_fdatasync', undefined],
      ] as const) {
        const { stacks, count } = sondeJson<Told>('flame', String(pid), '--on', on, '-d', '1500ms');
        assert.ok(count > 0);
        const names = stacks.map(({ frames }) => frames.map(({ name }) => name));
        if (leaf) assert.ok(names.every((each) => each.at(-1) === leaf));
        assert.ok(
          names.some((each) => each.includes('leveldb::DBImpl::Write')),
          JSON.stringify(names[0]),
        );
      }
    });

    it("records another library's probes", async () => {
      const program = await StacksProgram.start(scene.current);
      const object = realpathSync(program.object('frames'));
      for (const on of [`usdt:${object}:frames:here`, `usdt:${basename(object)}:here`]) {
        const [told] = await firing(program, on, () => program.call('fire', 'getter'));
        assert.equal(told.count, 1);
        assert.ok(told.stacks[0]!.frames.some(({ name }) => /getterFrame/.test(name)));
      }
    });

    it('says what is not there, and what needs root', async function () {
      needsOtherUser(this);
      const program = await StacksProgram.start(scene.current);
      const refused = (on: string) => {
        const { status, stderr } = sonde('flame', String(program.pid), '--on', on);
        return `${status} ${stderr.trim()}`;
      };
      assert.match(refused('frames:heer'), /^3 sonde: no probe is called "frames:heer"; did you mean frames:here\?$/);
      assert.match(refused('tracepoint:no:such'), /^3 sonde: the kernel has no tracepoint no:such$/);
      assert.match(refused('uprobe:libc:no_such'), /^3 sonde: no function is called no_such in libc$/);
      assert.match(refused('uprobe:libnothing:f'), /^3 sonde: no process that was asked for has loaded libnothing$/);
      assert.match(refused('usdt:libc:no_such'), /^3 sonde: no probe is called "no_such"/);
      assert.match(refused('tracepoint:x'), /^2 sonde: --on is "tracepoint:x"; give PROVIDER:PROBE, tracepoint:/);
      ownedByOther(scene.current, 'other');
      const other = await StacksProgram.start(
        scene.current,
        { SONDE_DIR: join(scene.current.folder, 'other') },
        { through: asUser(OTHER_USER) },
      );
      const [first, ...rest] = [
        ...asUser(OTHER_USER),
        process.execPath,
        COMMAND,
        'flame',
        String(other.pid),
        '--on',
        'frames:here',
      ];
      await assert.rejects(run(first!, rest), /the kernel's tracer needs root/);
    });

    it('leaves nothing in the kernel when it is killed', async () => {
      const program = await StacksProgram.start(scene.current);
      const command = startSonde(scene.current, ['flame', String(program.pid), '--on', 'frames:here', '-d', '10min']);
      await command.shows(/recording/);
      assert.equal(leftInKernel(command.pid).length, 1);
      assert.equal(changed(program.pid), 2);
      command.signal('SIGKILL');
      await command.end();
      await until(() => leftInKernel(command.pid).length === 0);
      await rests(program.pid);
    });

    /** What is told of what happens meanwhile, and the process that told it. */
    async function firing(program: StacksProgram, on: string, act: () => Promise<unknown>): Promise<[Told, number]> {
      const command = startSonde(scene.current, ['flame', String(program.pid), '--on', on, '-d', '10min', '--json']);
      await command.shows(/recording/);
      await act();
      const output = await command.stop();
      return [JSON.parse(output.split('\n').find((line) => line.startsWith('{')) ?? assert.fail(output)), command.pid];
    }
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`writes what it has at ${signal}, and leaves nothing`, async () => {
      const program = await StacksProgram.start(scene.current);
      const file = join(scene.current.folder, 'flames.folded');
      const command = startSonde(scene.current, ['flame', String(program.pid), '-d', '10min', '-o', file]);
      await command.shows(/sampling/);
      await program.call('work', 1000);
      command.signal(signal);
      await command.end();
      assert.ok(readFileSync(file, 'utf8').includes(WORK));
      await rests(program.pid);
    });
  }

  it('leaves nothing when it is killed', async () => {
    const program = await StacksProgram.start(scene.current);
    const folders = temporaries();
    const command = startSonde(scene.current, ['flame', String(program.pid), '-d', '10min']);
    await command.shows(/sampling/);
    assert.ok((await program.call('status')).on);
    command.signal('SIGKILL');
    await command.end();
    await restsWithoutFile(program.pid);
    await until(() => (recorders(program.pid).length === 0 ? true : undefined));
    assert.deepEqual(temporaries(), folders);
    assert.deepEqual(await program.call('status'), { on: false, wanted: [] });
  });

  it('ends when the process does, whose file of names goes with it', async () => {
    const program = await StacksProgram.start(scene.current);
    const command = startSonde(scene.current, ['flame', String(program.pid), '-d', '10min']);
    await command.shows(/sampling/);
    await program.call('work', 500);
    await program.end();
    assert.ok((await command.end()).includes(WORK), command.output);
    assert.ok(!existsSync(program.map));
  });

  it('gets on with a tracer that comes meanwhile and stays', async function () {
    needsTools(this, 'bpftrace');
    const program = await StacksProgram.start(scene.current);
    const command = startSonde(scene.current, ['flame', String(program.pid), '-d', '10min']);
    await command.shows(/sampling/);
    await program.call('work', 300);
    const tracer = bpftrace(
      scene.current,
      `${program.usdt('node', 'stacks__on')} {} interval:s:1 { printf("tick\\n"); }`,
    );
    await tracer.shows(/tick/);
    await command.stop();
    await setTimeout(1000);
    assert.deepEqual([(await program.call('status')).on, changed(program.pid)], [true, 1]);
    await tracer.stop();
    await rests(program.pid);
    assert.equal((await program.call('status')).on, false);
  });

  it('gets on with a tracer that was there and leaves, and with another of its kind', async function () {
    needsTools(this, 'bpftrace');
    const program = await StacksProgram.start(scene.current);
    const tracer = bpftrace(
      scene.current,
      `${program.usdt('node', 'stacks__on')} {} interval:s:1 { printf("tick\\n"); }`,
    );
    await tracer.shows(/tick/);
    const commands = [1, 2].map(() => startSonde(scene.current, ['flame', String(program.pid), '-d', '10min']));
    for (const command of commands) await command.shows(/sampling/);
    await tracer.stop();
    await until(async () => (await program.call('status')).on && changed(program.pid) === 1);
    await program.call('work', 500);
    assert.ok((await commands[0]!.stop()).includes(WORK));
    await until(async () => (await program.call('status')).on && changed(program.pid) === 1);
    await program.call('work', 500);
    assert.ok((await commands[1]!.stop()).includes(WORK));
    await rests(program.pid);
  });

  it('samples with bpftrace where there is no perf, and says so', async function () {
    needsTools(this, 'bpftrace');
    const program = await StacksProgram.start(scene.current);
    const folder = join(scene.current.folder, 'tools');
    mkdirSync(folder);
    symlinkSync((await run('which', ['bpftrace'])).trim(), join(folder, 'bpftrace'));
    const args = ['flame', String(program.pid), '-d', '2s', '--json'];
    const command = startSonde(scene.current, args, ['env', `PATH=${folder}:/usr/bin/none`]);
    await command.shows(/^sonde: not with perf: perf is not installed .*\nsonde: sampling/m);
    await program.call('work', 1000);
    const output = await command.end();
    const told = JSON.parse(/^\{.*$/m.exec(output)![0]) as Told;
    const worked = told.stacks.filter(({ frames }) => frames.some(({ name }) => name === WORK));
    const count = worked.reduce((sum, each) => sum + each.count, 0);
    assert.ok(count > 40 && count <= told.count, output);
    const names = worked[0]!.frames.map(({ name }) => name);
    assert.ok(names.indexOf('uv_run') < names.indexOf(WORK), names.join('\n'));
    await restsWithoutFile(program.pid);
  });

  it("works without root for this user's processes", async function () {
    needsOtherUser(this);
    const level = Number(readFileSync('/proc/sys/kernel/perf_event_paranoid', 'utf8'));
    if (level > 2) cannotTest(this, `kernel.perf_event_paranoid is ${level}, and 2 at most is needed`);
    ownedByOther(scene.current);
    const program = await StacksProgram.start(scene.current, {}, { through: asUser(OTHER_USER) });
    const command = startSonde(scene.current, ['flame', String(program.pid), '-d', '2s'], asUser(OTHER_USER));
    await command.shows(/sampling/);
    await program.call('work', 1000);
    assert.ok((await command.end()).includes(WORK), command.output);
    await restsWithoutFile(program.pid);
  });

  it('says what another user may not', async function () {
    needsOtherUser(this);
    const program = await StacksProgram.start(scene.current);
    const [first, ...rest] = [
      ...asUser(OTHER_USER),
      process.execPath,
      COMMAND,
      'flame',
      String(program.pid),
      '-d',
      '1s',
    ];
    await assert.rejects(run(first!, rest), /perf may not sample these processes/);
  });

  it('names functions in a container, whose numbers and files are its own', async function () {
    needsTools(this, 'unshare', 'mount');
    const inside = ['unshare', '--pid', '--mount', '--fork', '--kill-child', '--mount-proc', 'sh', '-c'];
    const program = await StacksProgram.start(
      scene.current,
      { SONDE_DIR: '/tmp/sonde-flame-test' },
      { through: [...inside, 'mount -t tmpfs none /tmp && exec "$@"', 'sh'] },
    );
    const pid = await until(() => insideOf(program.pid));
    const command = startSonde(scene.current, ['flame', String(pid), '-d', '2s']);
    await command.shows(/sampling/);
    await program.call('work', 1000);
    assert.ok((await command.end()).includes(WORK), command.output);
    await restsWithoutFile(pid);
  });
});

/** The mail server, and a client that sends mail until the test ends. */
async function mailServer(scene: Scene): Promise<number> {
  const server = spawn(process.execPath, ['--import', REGISTER, 'dist/server.js', '--port', '0'], {
    cwd: MAILSERVER,
    env: { ...process.env, SONDE_DIR: scene.objects, TMPDIR: scene.folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  scene.defer(() => ended(server));
  const [line] = await once(createInterface(server.stdout!), 'line');
  const [, port] = /127\.0\.0\.1:(\d+)/.exec(line)!;
  const args = ['dist/client.js', '--port', port!, '--sessions', '100000', '--mails', '20', '--pause', '0'];
  const client = spawn(process.execPath, args, { cwd: MAILSERVER, stdio: 'ignore' });
  scene.defer(() => ended(client));
  return server.pid!;
}

async function ended(child: ReturnType<typeof spawn>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function whileWorking(program: StacksProgram, ...args: string[]) {
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
    if (text.includes('sampling')) void program.call('work', 400);
  });
  const [status] = await once(child, 'close');
  return { status, stderr };
}

/** Waits until every byte of the probes is as in the files. */
async function rests(pid: number): Promise<void> {
  await until(() => changed(pid) === 0);
  assert.deepEqual(temporaries(), []);
}

/** Waits until no file of names is there, either. */
async function restsWithoutFile(pid: number): Promise<void> {
  await rests(pid);
  const [, inner] = /^NSpid:.*?(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  await until(() => !existsSync(`/proc/${pid}/root/tmp/perf-${inner}.map`));
}

/** How many bytes of its probe objects are others in memory than in the files. */
function changed(pid: number): number {
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  let count = 0;
  for (const [, start, end, offset, path] of maps.matchAll(
    /^([0-9a-f]+)-([0-9a-f]+) r.x. ([0-9a-f]+) \S+ \d+ +(\/.*-[0-9a-f]{40}\.so)$/gm,
  )) {
    const size = Number.parseInt(end!, 16) - Number.parseInt(start!, 16);
    const now = Buffer.alloc(size);
    readSync(memory, now, 0, size, Number.parseInt(start!, 16));
    const file = readFileSync(`/proc/${pid}/root${path}`).subarray(Number.parseInt(offset!, 16));
    for (let i = 0; i < Math.min(size, file.length); i++) if (now[i] !== file[i]) count++;
  }
  closeSync(memory);
  return count;
}

function temporaries(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('sonde-flame-'));
}

/** Processes of `perf record` for this one. */
function recorders(pid: number): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      return words[0] === 'perf' && words.includes(String(pid));
    } catch {
      return false;
    }
  });
}

/** The process that Node.js is, below what runs it. */
function insideOf(pid: number): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  for (const child of children.map(Number)) {
    if (readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('stacks-program')) return child;
  }
  return undefined;
}

function ownedByOther({ folder }: Scene, name = 'objects'): void {
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, name), { mode: 0o700 });
  chownSync(join(folder, name), OTHER_USER, OTHER_USER);
}

async function until<Found>(
  look: () => Found | undefined | false | Promise<Found | undefined | false>,
): Promise<Found> {
  const late = Date.now() + GONE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    assert.ok(Date.now() < late, String(look));
    await setTimeout(50);
  }
}
