// `sonde count` and `sonde hist`: what they count is what was fired.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { sonde, tracing } from '../support/command.js';
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
          ['count', 'smtp:session-start', '--by', 'peer,port'],
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
      /--engine is "awk"; give bpftrace, tracefs, gdb, or leave it out$/m,
      'count',
      'smtp:session-done',
      '--engine',
      'awk',
    );
  });
});

/** What is reported of what happens meanwhile. */
async function counted(
  scene: Scene,
  { pid }: TracedProgram,
  args: readonly string[],
  work: () => Promise<unknown>,
): Promise<Report> {
  const command = await tracing(scene, ...args, '--json', '-p', String(pid));
  await work();
  // So that it has been read.
  await setTimeout(200);
  return reportsOf(await command.stop()).at(-1)!;
}

function reportsOf(output: string): Report[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}
