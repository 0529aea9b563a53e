// `sonde count` and `sonde hist`: what they count is what was fired.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { cases, type EveryProbe, everyArgument, type Seen } from '../fixtures/every-argument.js';
import { COMMAND, sonde, tracing } from '../support/command.js';
import { nativeArguments } from '../support/read-back.js';
import { type Scene, useScene } from '../support/scene.js';
import { needsRoot, needsTools } from '../support/tools.js';
import type { TracedProgram } from '../support/traced-program.js';

interface Report {
  total?: true;
  groups: {
    provider: string;
    probe: string;
    by?: Record<string, unknown>;
    count: number;
    buckets?: { from?: number; below: number; count: number }[];
  }[];
  losses: string[];
}

const SONDE = import.meta.resolve('sonde');

describe('sonde count and sonde hist', function () {
  this.timeout(60_000);
  const scene = useScene();
  before(function () {
    needsRoot(this);
  });

  for (const engine of ['bpftrace', 'tracefs', 'gdb']) {
    describe(`with ${engine}`, () => {
      before(function () {
        if (engine !== 'tracefs') needsTools(this, engine);
      });

      it('count fires, by probe', async () => {
        const program = await scene.current.program();
        const report = await counted(scene.current, program, ['count', '--engine', engine, 'smtp:*'], async () => {
          for (let i = 0; i < 7; i++) await program.call('fire', 'smtp.sessionStart', 'x', i);
          await program.call('fire', 'smtp.sessionDone', 'x', 1n, 1);
        });
        assert.deepEqual(
          report.groups.map(({ provider, probe, count }) => [provider, probe, count]),
          [
            ['smtp', 'session__start', 7],
            ['smtp', 'session__done', 1],
          ],
        );
        assert.deepEqual(report.losses, []);
      });

      it('count by the values of arguments, whatever is in them', async () => {
        const program = await scene.current.program();
        const fired: [string, number][] = [
          ['a,b', 1],
          ['a', 1],
          ['a,b', 1],
          ['ä"\n', -(2 ** 31)],
          ['', 2 ** 31 - 1],
        ];
        const report = await counted(
          scene.current,
          program,
          ['count', '--engine', engine, 'smtp:session-start', '--by', 'peer,port'],
          async () => {
            for (const [peer, port] of fired) await program.call('fire', 'smtp.sessionStart', peer, port);
          },
        );
        assert.deepEqual(
          report.groups.map(({ by, count }) => [by!.peer, by!.port, count]),
          [
            ['a,b', 1, 2],
            ['', 2 ** 31 - 1, 1],
            ['a', 1, 1],
            ['ä"\n', -(2 ** 31), 1],
          ],
        );
      });

      it('count what a condition holds for, of one process', async () => {
        const [first, second] = [await scene.current.program(), await scene.current.program()];
        const args = ['count', '--engine', engine, 'smtp:session-start', '-w', 'port > 2'];
        const report = await counted(scene.current, first, args, async () => {
          for (let port = 0; port < 10; port++) {
            await first.call('fire', 'smtp.sessionStart', 'x', port);
            await second.call('fire', 'smtp.sessionStart', 'x', port);
          }
        });
        assert.deepEqual(
          report.groups.map(({ count }) => count),
          [7],
        );
      });

      for (const backend of engine === 'bpftrace' ? ['systemtap', 'ebpf'] : ['systemtap']) {
        it(`read numbers at the limits of their types, of the ${backend} backend`, async () => {
          const program = await scene.current.program({ SONDE_BACKEND: backend });
          const fired = cases.filter(({ probe }) => /int|boolean|mixed/.test(probe));
          for (const probe of new Set(fired.map((each) => each.probe))) {
            const those = fired.filter((each) => each.probe === probe);
            const numbers = nativeArguments(probe).filter(
              ({ kind, name }) => (kind === 'signed' || kind === 'unsigned') && name !== 'g_length',
            );
            const names = numbers.map(({ name }) => name);
            const args = ['count', '--engine', engine, `every:${probe}`, '--by', names.join(',')];
            const output = await countedText(scene.current, program, args, async () => {
              for (const { fired: values } of those) await program.call('fire', `every.${probe}`, ...values);
            });
            const values = numbers.map(({ index }) => those[0]!.seen[index]);
            const by = names.map((name, index) => `"${name}":${jsonOf(values[index]!, isBoolean(probe, name))}`);
            assert.ok(output.includes(`"by":{${by.join(',')}},"count":${those.length}}`), `${by}: ${output}`);
          }
        });
      }

      it('take every operator, at the limits of types, too', async function () {
        this.timeout(120_000);
        const wrong: string[] = [];
        // A function's arguments have no types for bpftrace.
        for (const backend of engine === 'bpftrace' ? ['systemtap', 'ebpf'] : ['systemtap']) {
          const program = await scene.current.program({ SONDE_BACKEND: backend });
          for (const probe of new Set(conditions.map(([each]) => each))) {
            const those = conditions.filter(([each]) => each === probe);
            const all = those.map(([, condition, holds]) => `${holds ? '' : '!'}(${condition})`).join(' && ');
            const { fired } = cases.find((each) => each.probe === probe)!;
            const args = ['count', `every:${probe}`, '-w', all, '--engine', engine];
            const report = await counted(scene.current, program, args, () =>
              program.call('fire', `every.${probe}`, ...(probe === 'text' ? ['abc', 'a "b" \\ ï', 1] : fired)),
            );
            if (report.groups[0]?.count !== 1) wrong.push(`${backend}: ${probe}`);
          }
        }
        assert.deepEqual(wrong, []);
      });

      it('put values into buckets, those at the limits of their types, too', async () => {
        const program = await scene.current.program();
        const values = [0n, 1n, 2n, 3n, 4n, 7n, 8n, 2n ** 31n, 2n ** 63n, 2n ** 64n - 1n];
        const report = await counted(
          scene.current,
          program,
          ['hist', '--engine', engine, 'smtp:session-done.bytes'],
          async () => {
            for (const value of values) await program.call('fire', 'smtp.sessionDone', 'x', value, 1);
          },
        );
        // Whole numbers of 64 bits are rounded by JSON.parse.
        assert.deepEqual(
          report.groups[0]!.buckets!.map(({ from, below, count }) => [from, below, count]),
          [
            [0, 1, 1],
            [1, 2, 1],
            [2, 4, 2],
            [4, 8, 2],
            [8, 16, 1],
            [2 ** 31, 2 ** 32, 1],
            [2 ** 63, 2 ** 64, 2],
          ],
        );
        const negative = await counted(
          scene.current,
          program,
          ['hist', '--engine', engine, 'smtp:session-start'],
          async () => {
            for (const port of [-1, -(2 ** 31), 0, 5]) await program.call('fire', 'smtp.sessionStart', 'x', port);
          },
        );
        assert.deepEqual(
          negative.groups[0]!.buckets!.map(({ from, below, count }) => [from, below, count]),
          [
            [undefined, 0, 2],
            [0, 1, 1],
            [4, 8, 1],
          ],
        );
      });

      it('draw a histogram for each value of an argument', async () => {
        const program = await scene.current.program();
        const command = await tracing(
          scene.current,
          'hist',
          'smtp:session-done.bytes',
          '--engine',
          engine,
          '--by',
          'peer',
          '-p',
          String(program.pid),
        );
        for (let i = 0; i < 5; i++) await program.call('fire', 'smtp.sessionDone', 'a', 3000n, 1);
        await program.call('fire', 'smtp.sessionDone', 'b', 1n, 1);
        await setTimeout(100);
        const output = await command.stop();
        assert.match(
          output,
          /^smtp:session__done bytes {2}peer=a\n {2}2\.00KiB – 4\.00KiB {2}5 {2}█{40}\n {2}5 in all; p50 < 4\.00KiB, p90 < 4\.00KiB, p99 < 4\.00KiB$/m,
        );
        assert.match(output, /^smtp:session__done bytes {2}peer=b\n {2}1B {2}1 {2}█{40}$/m);
      });

      it('print each interval, and in the end all', async () => {
        const program = await scene.current.program();
        const command = await tracing(
          scene.current,
          'count',
          'smtp:session-start',
          '--engine',
          engine,
          '--every',
          '500ms',
          '--json',
          '-p',
          String(program.pid),
        );
        for (let i = 0; i < 30; i++) {
          await program.call('fire', 'smtp.sessionStart', 'x', i);
          await setTimeout(50);
        }
        const reports = reportsOf(await command.stop());
        const total = reports.pop()!;
        assert.equal(total.total, true);
        assert.equal(total.groups[0]!.count, 30);
        assert.ok(reports.length >= 2, String(reports.length));
        const [first] = reports;
        assert.ok(first!.groups[0]!.count < 15, JSON.stringify(first));
      });
    });
  }

  for (const engine of ['bpftrace', 'tracefs']) {
    it(`count 100,000 at full speed with ${engine}`, async function () {
      if (engine === 'bpftrace') needsTools(this, engine);
      const program = await scene.current.program();
      const args = ['count', '--engine', engine, 'smtp:session-start'];
      const report = await counted(scene.current, program, args, () => program.call('fireMany', 100_000));
      const lost = Number(/^\d+/.exec(report.losses[0] ?? '0')![0]);
      assert.equal(report.groups[0]!.count + lost, 100_000);
    });

    it(`count what starts later with ${engine}, with the same object or another`, async function () {
      if (engine === 'bpftrace') needsTools(this, engine);
      const first = await scene.current.program();
      const command = await tracing(
        scene.current,
        'count',
        'smtp:session-start',
        '-b',
        'pid',
        '--json',
        '--engine',
        engine,
      );
      const other = join(scene.current.folder, 'other objects');
      const programs = [first, await scene.current.program(), await scene.current.program({ SONDE_DIR: other })];
      for (const [index, program] of programs.entries()) {
        await program.until(true);
        // A stub changes some milliseconds before what it fires is taken.
        await setTimeout(300);
        for (let fired = 0; fired <= index; fired++) await program.call('fire', 'smtp.sessionStart', 'x', 1);
      }
      await setTimeout(300);
      const groups = reportsOf(await command.stop()).at(-1)!.groups;
      assert.deepEqual(
        programs.map(({ pid }) => groups.find(({ by }) => by!.pid === pid)?.count),
        [1, 2, 3],
      );
    });
  }

  const places: [string, (folder: string) => [Record<string, string>, string[]]][] = [
    ['in a folder with an odd name', (folder) => [{ SONDE_DIR: join(folder, 'a: "b" {c} ä') }, []]],
    ['in memory alone', () => [{ SONDE_DIR: '/proc/none' }, []]],
    [
      'in other pid and mount namespaces',
      (folder) => [
        { SONDE_DIR: join(folder, 'inside') },
        [
          ...['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c'],
          'mkdir -p "$SONDE_DIR" && mount -t tmpfs -o mode=700 sonde-test "$SONDE_DIR" && exec "$@"',
          'sh',
        ],
      ],
    ],
  ];
  for (const [place, environment] of places) {
    it(`count with bpftrace where objects are ${place}`, async function () {
      needsTools(this, 'bpftrace', 'unshare');
      const [variables, through] = environment(scene.current.folder);
      const program = await scene.current.program({ SMTP_PROVIDER: 'placed', ...variables }, { through });
      const command = await tracing(scene.current, 'count', 'placed:session-start', '--json', '--engine', 'bpftrace');
      for (let i = 0; i < 3; i++) await program.call('fire', 'smtp.sessionStart', 'x', i);
      await setTimeout(200);
      const { groups } = reportsOf(await command.stop()).at(-1)!;
      assert.deepEqual(
        groups.map(({ count }) => count),
        [3],
      );
    });
  }

  it('count, by bpftrace, what a process in the same pid namespace fires, of two', async function () {
    needsTools(this, 'bpftrace', 'unshare');
    const objects = join(scene.current.folder, 'objects');
    const firing = `
      import { provider, int32 } from ${JSON.stringify(SONDE)};
      const { hit } = provider('inside', { hit: [int32('number')] });
      setInterval(() => hit.fire(Number(process.argv[1])), 5);`;
    const script = `
      "$0" --input-type=module -e "$FIRING" 1 & first=$!
      "$0" --input-type=module -e "$FIRING" 2 & sleep 2
      "$0" "$1" count inside:hit -p $first --by number --duration 2s --json
      "$0" "$1" count inside:hit -p $first --where "pid == $first" --duration 1s --engine bpftrace`;
    const { stdout, stderr } = spawnSync(
      'unshare',
      ['--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', script, process.execPath, COMMAND],
      {
        encoding: 'utf8',
        env: { ...process.env, FIRING: firing, SONDE_DIR: objects, SONDE_BACKEND: 'systemtap', SONDE_REQUIRE: '1' },
      },
    );
    const [{ groups }] = reportsOf(stdout) as [Report];
    assert.deepEqual(
      groups.map(({ by }) => by),
      [{ number: 1 }],
      stderr,
    );
    assert.ok(groups[0]!.count > 100, stdout);
    assert.match(stderr, /^sonde: bpftrace has the pids of the machine, and this is another pid namespace$/m);
  });

  it('end with the process that was asked for by its number', async function () {
    needsTools(this, 'bpftrace');
    const program = await scene.current.program();
    const command = await tracing(scene.current, 'count', 'smtp:session-start', '-p', String(program.pid), '--json');
    for (let i = 0; i < 3; i++) await program.call('fire', 'smtp.sessionStart', 'x', i);
    await program.kill();
    assert.equal(reportsOf(await command.end()).at(-1)!.groups[0]!.count, 3);
  });

  it('leave nothing behind when they are killed while bpftrace counts', async function () {
    needsTools(this, 'bpftrace');
    const program = await scene.current.program();
    const command = await tracing(scene.current, 'count', 'smtp:session-start', '--engine', 'bpftrace');
    await program.until(true);
    command.signal('SIGKILL');
    await command.end();
    await program.until(false);
  });

  it('say which argument is meant where that is not clear', async () => {
    const program = await scene.current.program();
    const wrong = (message: RegExp, ...args: string[]) => {
      const ran = sonde(...args, '-p', String(program.pid));
      assert.match(ran.stderr, message);
      assert.equal(ran.status, 2);
    };
    wrong(
      /which argument is meant\? give PROBE\.ARGUMENT; smtp:session__done has peer, bytes, ok$/m,
      'hist',
      'smtp:session-done',
    );
    wrong(/"peer" is no argument that is a number; smtp:session__done has/, 'hist', 'smtp:session-done.peer');
    wrong(
      /no probe that was asked for has an argument domain; smtp:session__done has/,
      'count',
      'smtp:session-done',
      '-b',
      'domain',
    );
    wrong(
      /--engine is "awk"; give bpftrace, tracefs, gdb, dtrace, or leave it out$/m,
      'count',
      'smtp:session-done',
      '--engine',
      'awk',
    );
  });
});

/** Of the first cases of probes, and of three texts. */
const conditions: [probe: EveryProbe, condition: string, holds: boolean][] = [
  ['int8', 'a == -128 && b == 127 && c < 0 && d > -1 && e >= -2 && f <= 1', true],
  ['int8', 'a > 0 || c > 0 || c >= 1 || b < 0', false],
  ['int16', 'a <= -32768 && b >= 32767 && c != 0', true],
  ['int32', 'a == -2147483648 && b > 2147483646 && !(c >= 0)', true],
  ['int64', 'a == -9223372036854775808 && b == 9223372036854775807 && c < 0', true],
  ['int64', 'a > 0 || c > 5', false],
  ['uint8', 'b > 254 && e > 127 && (a > 0 || d < 2)', true],
  ['uint16', 'b == 65535 && e > 32767', true],
  ['uint32', 'b == 4294967295 && e > 2147483647 && b > -1', true],
  ['uint64', 'b > 5 && e > 1s && a < 1us', true],
  ['uint64', 'b < 5 || e < 5 || b == -1', false],
  ['uint64', 'b == 18446744073709551615 && e > 9223372036854775807 && b >= -5', true],
  ['uint8', 'b < 300 && a > -1 && d < 1.5 && d > 0.5 && d != 1.5', true],
  ['uint8', 'a == 256 || d == 1.5', false],
  ['int8', 'c > -1.5 && c < -0.5 && e < -1.5', true],
  ['boolean', 'a == true && b == false && c', true],
  ['boolean', '!a || b', false],
  ['mixed', 'a < 0 && b == 255 && c < 0 && d > 5 && e && f == "naïve" && h < 0 && k < 0', true],
  ['mixed', 'i > 5 && i == 18446744073709551615 && j == "{\\"a\\":\\"😀\\"}"', true],
  [
    'mixed__reversed',
    'k < 0 && i > 1 && h < 0 && e && d == 65535 && c < 0 && c == -32768 && b > 254 && a < -127',
    true,
  ],
  ['text', String.raw`tight == "abc" && whole == "a \"b\" \\ ï" && value != "2"`, true],
  ['text', 'tight != "ab" && tight != "abcd" && tight != ""', true],
  ['text', 'tight ~ "ab*" && whole ~ "*" && tight ~ "abc" && !(tight ~ "b*")', true],
];

/** What is reported of what happens meanwhile. */
async function counted(
  scene: Scene,
  program: TracedProgram,
  args: readonly string[],
  work: () => Promise<unknown>,
): Promise<Report> {
  return reportsOf(await countedText(scene, program, args, work)).at(-1)!;
}

/** As it is printed: JSON.parse rounds whole numbers of 64 bits. */
async function countedText(
  scene: Scene,
  { pid }: TracedProgram,
  args: readonly string[],
  work: () => Promise<unknown>,
): Promise<string> {
  const command = await tracing(scene, ...args, '--json', '-p', String(pid));
  await work();
  // So that it has been read.
  await setTimeout(200);
  return command.stop();
}

const isBoolean = (probe: EveryProbe, name: string) =>
  everyArgument[probe].some((argument) => argument.name === name && argument.type === 'boolean');

const jsonOf = (value: Seen, asBoolean: boolean) => String(asBoolean ? value !== 0n : value);

function reportsOf(output: string): Report[] {
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  assert.notEqual(lines.length, 0, `nothing was reported:\n${output}`);
  return lines.map((line) => JSON.parse(line));
}
