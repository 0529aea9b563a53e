// `--dry-run`: what it prints runs as it stands in a shell, and shows what was fired.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sonde } from '../support/command.js';
import { useScene } from '../support/scene.js';
import { Stub } from '../support/stub.js';
import { needsRoot, needsTools } from '../support/tools.js';
import type { Tracer } from '../support/tracer.js';

describe('--dry-run', function () {
  this.timeout(60_000);
  const scene = useScene();
  before(function () {
    needsRoot(this);
  });

  const start = async (...args: string[]): Promise<Tracer> => {
    const { stdout, stderr, status } = sonde(...args, '--dry-run');
    assert.equal(status, 0, stderr);
    const path = join(scene.current.folder, 'commands');
    await writeFile(
      path,
      stdout.replace('timeout 10 ', 'timeout 2 ').replaceAll('probes-', `${scene.current.folder}/probes-`),
    );
    // A shell does not hand the request to end on; timeout does, to all.
    return scene.current.tracer('timeout', ['-s', 'INT', '50', 'sh', path]);
  };

  for (const [engine, subcommand, shown] of [
    ['tracefs', ['trace'], /a0="10\.0\.0\.7" a1=25\b/],
    ['bpftrace', ['trace'], /> ?t \d+ 0 10\.0\.0\.7</],
    ['gdb', ['trace'], /\["10\.0\.0\.7", "25"\]/],
    ['bpftrace', ['count', '--by', 'peer', '--every', '300ms'], /"10\.0\.0\.7": ?\d+/],
    ['tracefs', ['count', '--by', 'port'], /p0: \(0x[0-9a-f]+\) a1=25\b/],
  ] as const) {
    it(`prints what ${subcommand[0]} runs with ${engine}`, async function () {
      needsTools(this, ...(engine === 'tracefs' ? [] : [engine]));
      const program = await scene.current.program();
      const stub = await Stub.find(program.pid, await program.object(), 'smtp', 'session__start');
      const untraced = stub.firstByte();
      const [name, ...rest] = subcommand;
      const args = [name, 'smtp:session-start', ...rest, '--engine', engine, '-p', String(program.pid)];
      const commands = await start(...args, '-w', 'port > 1');
      assert.equal(stub.firstByte(), untraced);
      await commands.hears(() => program.call('fire', 'smtp.sessionStart', '10.0.0.7', 25), shown);
      if (engine === 'tracefs') await commands.end();
      else await commands.stop();
      await program.until(false);
      assert.equal(stub.firstByte(), untraced);
    });
  }

  it('says what keeps an engine from it, and runs nothing', async () => {
    const program = await scene.current.program();
    const { stdout, stderr, status } = sonde('trace', 'smtp:*', '--dry-run', '-p', String(program.pid));
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^cd \/sys\/kernel\/tracing\n/);
    assert.equal(await program.call('enabled', 'smtp.sessionStart'), false);
  });
});
