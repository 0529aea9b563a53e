// `sonde script`: what it prints runs as it stands, and shows what was fired.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { cases, type EveryProbe } from '../fixtures/every-argument.js';
import { sonde } from '../support/command.js';
import { useScene } from '../support/scene.js';
import { needsRoot, needsTools } from '../support/tools.js';
import { run } from '../support/tracer.js';

describe('sonde script', function () {
  this.timeout(60_000);
  const scene = useScene();
  before(function () {
    needsRoot(this);
  });

  const print = async (...args: string[]): Promise<string> => {
    const { stdout, stderr, status } = sonde('script', ...args);
    assert.equal(status, 0, stderr);
    const path = join(scene.current.folder, 'script');
    await writeFile(path, stdout);
    return path;
  };

  describe('for bpftrace', () => {
    before(function () {
      needsTools(this, 'bpftrace');
    });

    it('prints every argument', async () => {
      const program = await scene.current.program();
      const path = await print('trace', 'every:*', '--for', 'bpftrace', '-p', String(program.pid));
      const bpftrace = scene.current.tracer('bpftrace', [path], { BPFTRACE_STRLEN: '70' });
      await bpftrace.hears(() => program.call('fire', 'every.last'), /every:last/);
      const fired = cases.filter(({ probe }) => !['stack', 'long__text', 'last'].includes(probe));
      for (const { probe, fired: values } of fired) await program.call('fire', `every.${probe}`, ...values);
      await program.call('fire', 'smtp.sessionStart', 'x', 1);
      await setTimeout(500);
      const lines = (await bpftrace.stop()).split('\n').filter((line) => /^\d+ every:(?!last)/.test(line));
      assert.deepEqual(
        lines.map((line) => line.replace(/^\d+ every:/, '').replace(/\\x([0-9a-f]{2})/g, '$1')),
        fired.map(({ probe, seen }) => [probe, ...named(probe, seen)].join(' ')),
      );
    });

    it('counts by arguments, under a condition', async () => {
      const program = await scene.current.program();
      const path = await print(
        'count',
        'smtp:session-start',
        '--by',
        'peer,port',
        '-w',
        'port != 7',
        '-p',
        String(program.pid),
        '--for',
        'bpftrace',
      );
      const bpftrace = scene.current.tracer('bpftrace', [path]);
      await bpftrace.shows(/Attach(ing|ed)/);
      await program.until(true);
      await setTimeout(500);
      for (const port of [-1, 7, -1, 8]) await program.call('fire', 'smtp.sessionStart', 'counted', port);
      const output = await bpftrace.stop();
      assert.match(output, /^@session__start\[counted, -1\]: 2$/m);
      assert.match(output, /^@session__start\[counted, 8\]: 1$/m);
      assert.doesNotMatch(output, /, 7\]/);
    });

    it('draws a histogram', async () => {
      const program = await scene.current.program();
      const path = await print('hist', 'smtp:session-done.bytes', '--for', 'bpftrace', '-p', String(program.pid));
      const bpftrace = scene.current.tracer('bpftrace', [path]);
      await bpftrace.shows(/Attach(ing|ed)/);
      await program.until(true, 'smtp.sessionDone');
      await setTimeout(500);
      for (const bytes of [5n, 6n, 5000n]) await program.call('fire', 'smtp.sessionDone', 'x', bytes, 1);
      const output = await bpftrace.stop();
      assert.match(output, /^\[4, 8\) +2 \|/m);
      assert.match(output, /^\[4K, 8K\) +1 \|/m);
    });
  });

  it('for perf prints events', async function () {
    needsTools(this, 'perf');
    const program = await scene.current.program();
    const { pid } = program;
    const path = await print('trace', 'smtp:session-start', '--for', 'perf', '-w', 'port > 5', '-p', String(pid));
    // Not for ten seconds.
    await writeFile(path, readFileSync(path, 'utf8').replace('sleep 10', 'sleep 2'));
    const perf = run('sh', [path], { HOME: scene.current.folder });
    await program.until(true);
    await setTimeout(500);
    for (const port of [4, 25]) await program.call('fire', 'smtp.sessionStart', '10.0.0.7', port);
    const lines = (await perf).split('\n').filter((line) => line.includes('session__start:'));
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, new RegExp(`${pid}.*session__start: .*peer="10\\.0\\.0\\.7" port=25$`));
    assert.doesNotMatch(
      await run('perf', ['probe', '-l']),
      new RegExp(`smtp_session__start.*${scene.current.objects}`),
    );
  });

  it('says what it does not know', async () => {
    const program = await scene.current.program();
    const wrong = (message: RegExp, ...args: string[]) => {
      const { stderr, status } = sonde('script', ...args, '-p', String(program.pid));
      assert.match(stderr, message);
      assert.equal(status, 2);
    };
    wrong(/--for is "awk"; give bpftrace, d, stap, perf$/m, 'trace', 'smtp:*', '--for', 'awk');
    wrong(/the subcommand is "flame"; give trace, count or hist$/m, 'flame', 'smtp:*', '--for', 'd');
    wrong(/required option '--for <tool>' not specified/, 'trace', 'smtp:*');
    wrong(/hist takes one probe, and 2 were given/, 'hist', 'smtp:a', 'smtp:b', '--for', 'd');
  });
});

/** As the script prints them: the length of bytes is not printed by itself. */
function named(probe: EveryProbe, seen: readonly (bigint | string)[]): string[] {
  const names: Partial<Record<EveryProbe, string[]>> = {
    text: ['tight', 'whole', 'value'],
    bytes: ['before', 'memory', '', 'after'],
    mixed: ['a', 'b', 'c', 'd', 'e', 'f', 'g', '', 'h', 'i', 'j', 'k'],
    mixed__reversed: ['k', 'j', 'i', 'h', 'g', '', 'f', 'e', 'd', 'c', 'b', 'a'],
  };
  const list = names[probe] ?? ['a', 'b', 'c', 'd', 'e', 'f'];
  return seen.flatMap((value, index) => (list[index] === '' ? [] : [`${list[index]}=${value}`]));
}
