// `sonde trace`: what it prints, and that it prints it of every process that was asked for.
import assert from 'node:assert/strict';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { cases, type EveryProbe, expected } from '../fixtures/every-argument.js';
import type { ProgramOptions } from '../support/called-program.js';
import { leftInKernel, sonde, startSonde, tracing } from '../support/command.js';
import { Gdb } from '../support/gdb.js';
import { nativeArguments } from '../support/read-back.js';
import { type Scene, useScene } from '../support/scene.js';
import { Stub } from '../support/stub.js';
import { asUser, needsOtherUser, needsRoot, needsTools, OTHER_USER } from '../support/tools.js';
import type { TracedProgram } from '../support/traced-program.js';
import type { Tracer } from '../support/tracer.js';

interface Event {
  time: string;
  pid: number;
  tid: number;
  provider: string;
  probe: string;
  arguments: Record<string, unknown>;
}

/** What is left in the kernel goes within this time, also after the command was killed. */
const GONE_MS = 5000;

describe('sonde trace', function () {
  this.timeout(60_000);
  const scene = useScene();
  before(function () {
    needsRoot(this);
    needsTools(this, 'readelf');
  });

  for (const engine of ['tracefs', 'bpftrace', 'gdb']) {
    describe(`with ${engine}`, () => {
      before(function () {
        if (engine !== 'tracefs') needsTools(this, engine);
      });

      it('prints every argument as it was fired', async () => {
        const program = await scene.current.program();
        const command = await tracing(
          scene.current,
          'trace',
          '--engine',
          engine,
          'every:*',
          '--json',
          '--no-limit',
          '-p',
          String(program.pid),
        );
        for (const { probe, fired } of cases) await program.call('fire', `every.${probe}`, ...fired);
        await program.call('fire', 'every.last');
        await command.shows(/"last"/);
        const seen = eventsOf(await command.stop()).filter(({ probe }) => probe !== 'last');
        assert.deepEqual(seen.map(readBack), cases.map(expected));
      });

      it('prints a line for each event, whatever it holds', async () => {
        const program = await scene.current.program();
        const command = await tracing(
          scene.current,
          'trace',
          '--engine',
          engine,
          'smtp:session-start',
          '-p',
          String(program.pid),
        );
        for (const peer of ['10.0.0.7', 'a b', 'line\nnext', '\x1b[31mred\x1b[0m', 'say "hi"', '', '\u202ereversed']) {
          await program.call('fire', 'smtp.sessionStart', peer, 25);
        }
        await program.call('fire', 'smtp.sessionStart', 'last', -1);
        await command.shows(/-1/);
        const lines = (await command.stop()).split('\n').filter((line) => line.includes('session__start'));
        assert.deepEqual(
          lines.map((line) => /peer=(.*) port=/.exec(line)?.[1]),
          [
            '10.0.0.7',
            '"a b"',
            '"line\\nnext"',
            '"\\x1b[31mred\\x1b[0m"',
            '"say \\"hi\\""',
            '""',
            '"\\u202ereversed"',
            'last',
          ],
        );
        for (const line of lines)
          assert.match(line, new RegExp(`^\\d\\d:\\d\\d:\\d\\d\\.\\d{6} +${program.pid} smtp:`));
      });

      it('prints those events for which the condition holds', async () => {
        const program = await scene.current.program();
        const ask = async (where: string) => {
          const command = await tracing(
            scene.current,
            'trace',
            '--engine',
            engine,
            'smtp:session-start',
            '--json',
            '-w',
            `${where} || port == -1`,
          );
          for (const [peer, port] of [
            ['a', 1],
            ['b', 2],
            ['ab', 2_000_000_000],
            ['"', -5],
          ] as const) {
            await program.call('fire', 'smtp.sessionStart', peer, port);
          }
          await program.call('fire', 'smtp.sessionStart', 'end', -1);
          await command.shows(/:-1\b/);
          return eventsOf(await command.stop())
            .slice(0, -1)
            .map((event) => event.arguments.peer);
        };
        assert.deepEqual(await ask('peer != "a" && port > 1'), ['b', 'ab']);
        if (engine === 'gdb') return;
        assert.deepEqual(await ask('peer == "a"'), ['a']);
        assert.deepEqual(await ask('peer ~ "a*"'), ['a', 'ab']);
        assert.deepEqual(await ask('port > 1.5s'), ['ab']);
        assert.deepEqual(await ask(`peer == '"'`), ['"']);
        assert.deepEqual(await ask('!(port >= 0) && peer != "end"'), ['"']);
      });

      it('prints the arguments that were asked for', async () => {
        const program = await scene.current.program();
        const command = await tracing(
          scene.current,
          'trace',
          '--engine',
          engine,
          'smtp:*',
          '--json',
          '--fields',
          'ok,peer',
          '-w',
          'peer != "x"',
        );
        await program.call('fire', 'smtp.sessionDone', '10.0.0.7', 1n, 1);
        await command.shows(/10\.0/);
        assert.deepEqual(
          eventsOf(await command.stop()).map((event) => event.arguments),
          [{ peer: '10.0.0.7', ok: 1 }],
        );
      });

      it('traces a process that starts later, with the same object or another', async () => {
        const first = await scene.current.program();
        const command = await tracing(scene.current, 'trace', '--engine', engine, 'smtp:session-start', '--json');
        const other = join(scene.current.folder, 'other objects');
        const programs = [first, await scene.current.program(), await scene.current.program({ SONDE_DIR: other })];
        for (const program of programs) {
          await program.until(true);
          await program.call('fire', 'smtp.sessionStart', 'x', program.pid);
        }
        await command.shows(new RegExp(`"port":${programs.at(-1)!.pid}\\b`));
        // Others may run on this machine.
        const own = new Set(programs.map(({ pid }) => pid));
        const events = eventsOf(await command.stop()).filter(({ pid }) => own.has(pid));
        const seen = events.map(({ pid, arguments: { port } }) => [pid, port]);
        assert.deepEqual(
          seen,
          programs.map(({ pid }) => [pid, pid]),
        );
      });

      it('traces the process that was asked for, and its workers', async () => {
        const [first, second] = [await scene.current.program(), await scene.current.program()];
        const command = await tracing(
          scene.current,
          'trace',
          '--engine',
          engine,
          'smtp:session-start',
          '--json',
          '-p',
          String(first.pid),
        );
        await second.call('fire', 'smtp.sessionStart', 'second', 0);
        await first.call('runWorkers', 2, 2, 3);
        await first.call('fire', 'smtp.sessionStart', 'last', -1);
        await command.shows(/"last"/);
        const events = eventsOf(await command.stop());
        assert.deepEqual([...new Set(events.map(({ pid }) => pid))], [first.pid]);
        assert.equal(events.length, 7);
        assert.equal(new Set(events.map(({ tid }) => tid)).size, 3);
      });

      it('traces what another user runs', async function () {
        needsOtherUser(this);
        const folder = await mkdtemp(join(tmpdir(), 'sonde-test-'));
        scene.current.defer(() => rm(folder, { recursive: true }));
        await chown(folder, OTHER_USER, OTHER_USER);
        await sees(scene.current, engine, { SONDE_DIR: join(folder, 'objects') }, { through: asUser(OTHER_USER) });
      });

      it('traces what runs in other pid and mount namespaces, with files that are not seen from outside', async function () {
        needsTools(this, 'unshare');
        const script = `mkdir -p "$SONDE_DIR" && mount -t tmpfs -o mode=700 sonde-test "$SONDE_DIR" && exec "$@"`;
        await sees(
          scene.current,
          engine,
          {},
          {
            through: [
              'unshare',
              '--mount',
              '--pid',
              '--fork',
              '--kill-child',
              '--mount-proc',
              'sh',
              '-c',
              script,
              'sh',
            ],
          },
        );
      });

      it('traces objects that are only in memory', async () => {
        await sees(scene.current, engine, { SONDE_DIR: '/proc/none' });
      });

      it('traces what the ebpf backend makes', async () => {
        await sees(scene.current, engine, { SONDE_BACKEND: 'ebpf' });
      });

      it('traces objects that were removed', async () => {
        const program = await scene.current.program();
        await rm(scene.current.objects, { recursive: true });
        await seesIn(scene.current, engine, program);
      });
    });
  }

  it('prints long texts whole, and says how many were too long for the kernel', async () => {
    const program = await scene.current.program();
    const command = await tracing(scene.current, 'trace', 'every:long-text', '--json');
    const text = `${'x'.repeat(4000)}ä"\n`;
    await program.call('fire', 'every.long__text', 'x'.repeat(4080));
    await program.call('fire', 'every.long__text', text);
    await command.shows(/"text"/);
    const output = await command.stop();
    assert.deepEqual(
      eventsOf(output).map((event) => event.arguments.text),
      [text],
    );
    assert.match(output, /^\{"lost":\{"noRoom":0,"tooLong":1\}\}$/m);
    assert.match(output, /^sonde: 1 events were lost: the kernel records none whose texts/m);
  });

  it('prints no more than 1,000 a second, and says how many more there were', async () => {
    const program = await scene.current.program();
    const command = await tracing(scene.current, 'trace', 'smtp:session-start', '--json', '-p', String(program.pid));
    await program.call('fireMany', 3000);
    await setTimeout(1100);
    await program.call('fire', 'smtp.sessionStart', 'last', -1);
    await command.shows(/"last"/);
    const lines = (await command.stop()).split('\n').filter((line) => line.startsWith('{'));
    const notPrinted = lines.reduce((sum, line) => sum + (JSON.parse(line).notPrinted ?? 0), 0);
    assert.equal(eventsOf(lines.join('\n')).length + notPrinted, 3001);
    assert.ok(notPrinted >= 1000, String(notPrinted));
  });

  for (const [engine, count] of Object.entries({ tracefs: 100_000, bpftrace: 20_000 })) {
    it(`loses none of ${count} at full speed without saying so, with ${engine}`, async function () {
      needsTools(this, ...(engine === 'bpftrace' ? ['bpftrace'] : []));
      const program = await scene.current.program();
      const command = await tracing(
        scene.current,
        'trace',
        '--engine',
        engine,
        'smtp:session-start',
        '--json',
        '--no-limit',
        '-p',
        String(program.pid),
      );
      await program.call('fireMany', count);
      await program.call('fire', 'smtp.sessionStart', 'last', -1);
      await setTimeout(1000);
      const output = await command.stop();
      const lost = Number(/"noRoom":(\d+)/.exec(output)?.[1] ?? 0);
      assert.equal(eventsOf(output).length + lost, count + 1, `${lost} lost`);
    });
  }

  for (const [how, end] of Object.entries<(command: Tracer) => Promise<unknown>>({
    SIGINT: (command) => command.stop(),
    SIGTERM: (command) => signalled(command, 'SIGTERM'),
    SIGHUP: (command) => signalled(command, 'SIGHUP'),
    SIGKILL: (command) => signalled(command, 'SIGKILL'),
  })) {
    it(`leaves nothing behind after ${how}`, async () => {
      const program = await scene.current.program();
      const stub = await Stub.find(program.pid, await program.object(), 'smtp', 'session__start');
      const untraced = stub.firstByte();
      const command = await tracing(scene.current, 'trace', 'smtp:*');
      assert.notEqual(stub.firstByte(), untraced);
      assert.equal(leftInKernel(command.pid).length, 2);
      await end(command);
      await gone(command.pid);
      assert.equal(stub.firstByte(), untraced);
      await program.until(false);
    });
  }

  it('leaves the process as it was when it is killed while it traces with gdb', async function () {
    needsTools(this, 'gdb');
    const program = await scene.current.program();
    const stub = await Stub.find(program.pid, await program.object(), 'smtp', 'session__start');
    const untraced = stub.firstByte();
    const command = await tracing(scene.current, 'trace', 'smtp:*', '--engine', 'gdb');
    await program.until(true);
    await signalled(command, 'SIGKILL');
    await program.until(false);
    assert.equal(stub.firstByte(), untraced);
    await program.call('fire', 'smtp.sessionStart', 'on its own again', 1);
  });

  it('traces with gdb what no other debugger has, and says what one has', async function () {
    needsTools(this, 'gdb');
    const [first, second] = [await scene.current.program(), await scene.current.program()];
    const debugger_ = await Gdb.attach(scene.current, first.pid);
    const command = startSonde(scene.current, ['trace', 'smtp:session-start', '--engine', 'gdb', '--json']);
    await command.shows(new RegExp(`^sonde: not traced: gdb cannot trace process ${first.pid}: `, 'm'));
    await command.shows(/^sonde: tracing/m);
    await second.call('fire', 'smtp.sessionStart', 'second', 1);
    await command.shows(/"second"/);
    await command.stop();
    await debugger_.detach();
  });

  it('does not trace with gdb what a tracer of the kernel has, which ended the program when both had left', async function () {
    needsTools(this, 'gdb');
    const program = await scene.current.program();
    const first = await tracing(scene.current, 'trace', 'smtp:session-start', '-p', String(program.pid));
    // The kernel calls a tracer from its second event on, where it traps at the first.
    for (let i = 0; i < 5; i++) await program.call('fire', 'smtp.sessionStart', 'x', i);
    const second = sonde('trace', 'smtp:*', '--engine', 'gdb', '-p', String(program.pid), '-d', '5s');
    await first.stop();
    assert.equal(second.status, 4);
    assert.match(
      second.stderr,
      /^sonde: gdb cannot trace process \d+: another tracer has smtp:session__start there; wait/,
    );
    await program.call('fire', 'smtp.sessionStart', 'on its own again', 1);
  });

  it('ends, and says so, when a tracer of the kernel has taken what gdb had', async function () {
    needsTools(this, 'gdb');
    const program = await scene.current.program();
    const pid = String(program.pid);
    const command = await tracing(scene.current, 'trace', 'smtp:session-start', '--engine', 'gdb', '-p', pid);
    await program.call('fire', 'smtp.sessionStart', 'the last', 1);
    await command.shows(/the last/);
    await (await tracing(scene.current, 'trace', 'smtp:session-start', '-p', pid)).stop();
    assert.match(
      await command.end(),
      /^sonde: gdb cannot trace process \d+: another tracer came to smtp:session__start, and took gdb's breakpoint/m,
    );
    await program.call('fire', 'smtp.sessionStart', 'on its own again', 1);
  });

  it('lets a process that gdb traces have its signals, and its children', async function () {
    needsTools(this, 'gdb');
    const program = await scene.current.program();
    const command = await tracing(scene.current, 'trace', 'smtp:*', '--engine', 'gdb', '-p', String(program.pid));
    await program.until(true);
    for (const signal of ['SIGUSR2', 'SIGINT', 'SIGTERM', 'SIGHUP', 'SIGCHLD', 'SIGWINCH'] as const) {
      assert.equal(await program.call('raise', signal), signal);
    }
    assert.deepEqual(await program.call('spawn'), { code: 0, signal: null });
    await program.call('fire', 'smtp.sessionStart', 'still traced', 1);
    await command.shows(/still traced/);
    process.kill(program.pid, 'SIGTERM');
    assert.equal(await program.ended, 'SIGTERM');
    await command.stop();
  });

  it('traces with gdb where there is no root, and says why', async function () {
    needsOtherUser(this);
    needsTools(this, 'gdb');
    const folder = await mkdtemp(join(tmpdir(), 'sonde-test-'));
    scene.current.defer(() => rm(folder, { recursive: true }));
    await chown(folder, OTHER_USER, OTHER_USER);
    const through = asUser(OTHER_USER);
    const program = await scene.current.program({ SONDE_DIR: join(folder, 'objects') }, { through });
    const command = startSonde(scene.current, ['trace', 'smtp:session-start', '--json'], through);
    await command.shows(
      /^sonde: not with tracefs: .* needs root\nsonde: not with bpftrace: bpftrace needs root\nsonde: tracing 1 probe \(with gdb, which stops/m,
    );
    await program.until(true);
    await program.call('fire', 'smtp.sessionStart', '10.0.0.7', 25);
    await command.shows(/"peer"/);
    assert.deepEqual(eventsOf(await command.stop())[0]!.arguments, { peer: '10.0.0.7', port: 25 });
    await program.until(false);
  });

  it('works, and leaves nothing behind, whatever PATH is', async () => {
    const program = await scene.current.program();
    const command = startSonde(scene.current, ['trace', 'smtp:*', '-p', String(program.pid)], ['env', 'PATH=/none']);
    await command.shows(/^sonde: tracing/m);
    await setTimeout(200);
    await program.call('fire', 'smtp.sessionStart', 'still there', 1);
    await command.shows(/still there/);
    await signalled(command, 'SIGKILL');
    await gone(command.pid);
  });

  it('ends when nobody reads what it prints', async () => {
    const program = await scene.current.program();
    const command = startSonde(scene.current, [], ['sh', '-c', '"$0" "$1" trace "smtp:*" | head -n 1']);
    await command.shows(/^sonde: tracing/m);
    for (let fired = 0; command.endedAt === undefined && fired < 200; fired++) {
      await program.call('fire', 'smtp.sessionStart', 'x', 1);
      await setTimeout(20);
    }
    assert.match(await command.end(), /smtp:session__start/);
    await program.until(false);
  });

  it('ends with the process that was asked for by its number, after its last event', async () => {
    const program = await scene.current.program();
    const command = await tracing(scene.current, 'trace', 'smtp:session-start', '-p', String(program.pid));
    await program.call('fire', 'smtp.sessionStart', 'the last', 1);
    await program.kill();
    assert.match(await command.end(), /the last/);
  });

  it('says what is wrong, and what to do', async () => {
    const program = await scene.current.program();
    const wrong = (status: number, message: RegExp, ...args: string[]) => {
      const ran = sonde('trace', '-p', String(program.pid), ...args);
      assert.match(ran.stderr, message);
      assert.equal(ran.status, status);
      assert.equal(ran.stdout, '');
    };
    wrong(3, /^sonde: no probe is called "smtp:sesion-start"; did you mean .*smtp:session__start/, 'smtp:sesion-start');
    wrong(
      2,
      /no probe that was asked for has an argument prot; smtp:session__start has peer, port$/m,
      'smtp:session-start',
      '-w',
      'prot == 1',
    );
    wrong(
      2,
      /port of smtp:session__start is an int32; compare it with a number: port == 1$/m,
      'smtp:session-start',
      '-w',
      'port == "25"',
    );
    wrong(
      2,
      /--where: == compares; = alone is nothing here\n {2}port = 1\n {7}\^$/m,
      'smtp:session-start',
      '-w',
      'port = 1',
    );
    wrong(
      2,
      /--fields: no probe that is traced has an argument prot; smtp:session__start has peer, port$/m,
      'smtp:session-start',
      '-f',
      'prot',
    );
    wrong(2, /'soon' is invalid\. give a time as 10s/, 'smtp:session-start', '-d', 'soon');
    wrong(2, /the probe is ":x"; give PROVIDER:PROBE/, ':x');
    assert.match(sonde('trace', 'x', '-p', '999999999').stderr, /^sonde: there is no process 999999999$/m);
    assert.match(
      sonde('trace', 'x', '-p', 'no such command line').stderr,
      /^sonde: no process matches "no such command line"/m,
    );
  });
});

/** Whether a program's probes are traced that has nothing in common with this process. */
async function sees(
  scene: Scene,
  engine: string,
  environment: Record<string, string>,
  options?: ProgramOptions,
): Promise<void> {
  await seesIn(scene, engine, await scene.program(environment, options));
}

async function seesIn(scene: Scene, engine: string, program: TracedProgram): Promise<void> {
  const location = await program.object();
  const command = await tracing(scene, 'trace', '--engine', engine, 'smtp:session-start', '--json');
  await program.until(true);
  await program.call('fire', 'smtp.sessionStart', location, 1);
  await command.shows(new RegExp(`"${location}"`));
  const events = eventsOf(await command.stop());
  assert.equal(events.filter((event) => event.arguments.peer === location).length, 1);
  await program.until(false);
}

function eventsOf(output: string): Event[] {
  return (
    output
      .split('\n')
      .filter((line) => line.startsWith('{"time"'))
      // Whole numbers of 64 bits, of which JSON.parse makes what is nearest.
      .map((line) => JSON.parse(line.replace(/:(-?\d{16,})(?=[,}])/g, ':"$1n"')))
  );
}

/** As read-back.ts has it. */
function readBack({ probe, arguments: values }: Event): string {
  const read = nativeArguments(probe as EveryProbe).map(({ name, kind }) => {
    const value = values[name];
    if (kind === 'memory') return Buffer.from(value as string, 'base64').toString('hex');
    if (typeof value === 'string' && kind !== 'text') return value.slice(0, -1);
    return typeof value === 'boolean' ? Number(value) : value;
  });
  return [probe, ...read].join(' | ');
}

async function signalled(command: Tracer, signal: NodeJS.Signals): Promise<void> {
  command.signal(signal);
  await command.end();
}

async function gone(pid: number): Promise<void> {
  for (let waited = 0; waited < GONE_MS && leftInKernel(pid).length > 0; waited += 10) await setTimeout(10);
  assert.deepEqual(leftInKernel(pid), []);
}
