// SystemTap's own runtime, a module of the kernel, on the objects of the systemtap backend.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { cases, expected } from '../../fixtures/every-argument.js';
import { readBack } from '../../support/read-back.js';
import { useScene } from '../../support/scene.js';
import { needsRoot, needsTools } from '../../support/tools.js';
import type { TracedProgram } from '../../support/traced-program.js';
import { run, type Tracer } from '../../support/tracer.js';

/** What test/vm/systemtap made. */
const MADE = join(process.env.SONDE_VM!, 'systemtap');
const OBJECTS = join(MADE, 'objects');

describe('SystemTap', function () {
  this.timeout(240_000);
  const scene = useScene();

  before(async function () {
    needsRoot(this);
    needsTools(this, 'staprun');
    // It does not find files on an overlay, which the root is in here: the host's own folder is
    // beside it.
    await run('mount', ['--bind', `/run/host${OBJECTS}`, OBJECTS]);
    console.log(`    ${(await run('uname', ['-rm'])).trim()}`);
  });

  it('finds the objects that this kernel wants where it was told of them', async () => {
    const program = await start();
    for (const { location, reason } of (await program.call('status')).providers) {
      assert.equal(location!.startsWith(`${OBJECTS}/`), true, reason);
    }
  });

  it('shows what running processes fire, and those that start later; `enabled` follows it', async () => {
    const program = await start();
    const tracer = stap();
    await program.until(true);
    const later = await start();
    await later.until(true);
    assert.equal(await program.call('enabled', 'smtp.sessionDone'), false);
    await program.call('fire', 'smtp.sessionStart', 'naïve 😀', 25);
    await later.call('fire', 'smtp.sessionStart', 'later', -1);
    await tracer.shows(new RegExp(`^${program.pid} naïve 😀 25$`, 'm'));
    await tracer.shows(new RegExp(`^${later.pid} later -1$`, 'm'));
    await tracer.stop();
    await program.until(false);
    await later.until(false);
  });

  it('reads each argument exactly, at the extremes of each type, all twelve of them', async () => {
    const program = await start();
    const tracer = stap();
    for (const { probe } of cases) await program.until(true, `every.${probe}`);
    await program.pin();
    for (const { probe, fired } of cases) await program.call('fire', `every.${probe}`, ...fired);
    assert.deepEqual(readBack(await tracer.stop()), cases.map(expected));
  });

  it('runs what sonde script prints, which shows and counts what is fired', async () => {
    const program = await start({ SMTP_PROVIDER: 'scripted' });
    const tracer = scene.current.tracer('staprun', [join(MADE, 'printed.ko')]);
    await program.until(true);
    await program.until(true, 'smtp.sessionDone');
    await program.pin();
    const fired: [string, number][] = [
      ['shown', -1],
      ['shown', 1],
      ['other', -1],
      ['shown', -1],
    ];
    for (const [peer, port] of fired) await program.call('fire', 'smtp.sessionStart', peer, port);
    for (const bytes of [1n, 6n, 7n, 2n ** 63n]) await program.call('fire', 'smtp.sessionDone', 'x', bytes, 1);
    const output = await tracer.stop();
    const lines = output.split('\n').filter((line) => line.includes('scripted:'));
    assert.deepEqual(lines, Array(2).fill(`${program.pid} scripted:session__start peer=shown port=-1`));
    for (const counted of ['shown -1 2', 'shown 1 1', 'other -1 1']) {
      assert.ok(output.includes(`\nsession__start ${counted}\n`), output);
    }
    assert.match(output, /^ +4 \|@+ +2$/m);
    assert.doesNotMatch(output, /^ +1 \|@/m);
  });

  const start = (environment: Record<string, string> = {}): Promise<TracedProgram> =>
    scene.current.program({ SONDE_DIR: OBJECTS, ...environment });
  const stap = (): Tracer => scene.current.tracer('staprun', [join(MADE, 'probes.ko')]);
});
