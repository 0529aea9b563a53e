// gdb needs no privileges: the tracer for everybody's tests.
import assert from 'node:assert/strict';
import { Gdb } from '../support/gdb.js';
import { useScene } from '../support/scene.js';
import { needsPtrace, needsTools } from '../support/tools.js';

describe('gdb', function () {
  this.timeout(60_000);
  const scene = useScene();

  before(function () {
    needsTools(this, 'gdb');
    needsPtrace(this);
  });

  it('lists the probes of a provider', async () => {
    const program = await scene.current.program();
    const object = await program.object();
    const gdb = await Gdb.attach(scene.current, program.pid);
    const [header, ...rows] = (await gdb.ask('info probes stap smtp')).split('\n');
    assert.match(header!, /^Type +Provider +Name +Where +Semaphore +Object *$/);
    // There is no semaphore.
    assert.deepEqual(
      rows.map((row) =>
        row
          .trim()
          .replace(/0x[0-9a-f]+/, 'ADDRESS')
          .split(/ +/),
      ),
      [
        ['stap', 'smtp', 'session__done', 'ADDRESS', object],
        ['stap', 'smtp', 'session__start', 'ADDRESS', object],
      ],
    );
  });

  it('breaks at a probe, reads its arguments, and shows the stub by name in a backtrace', async () => {
    const program = await scene.current.program();
    const object = await program.object();
    const gdb = await Gdb.attach(scene.current, program.pid);
    await gdb.breakAt('-probe-stap smtp:session__start');
    gdb.go();
    await program.until(true);
    const fired = program.call('fire', 'smtp.sessionStart', '10.0.0.7', -2525);
    await gdb.stopsAt(
      /hit Breakpoint 1, 0x[0-9a-f]+ in smtp_session__start \(peer=0x[0-9a-f]+ "10\.0\.0\.7", port=-2525\)/,
    );

    assert.equal(await gdb.ask('print $_probe_argc'), '$1 = 2');
    assert.match(await gdb.ask('print (char *) $_probe_arg0'), /^\$2 = 0x[0-9a-f]+ "10\.0\.0\.7"$/);
    assert.equal(await gdb.ask('print $_probe_arg1'), '$3 = -2525');
    assert.equal(await gdb.ask('print port'), '$4 = -2525');

    // And through the stub to who fired: it has no frame of its own, and debug information says so.
    const [stub, caller] = (await gdb.ask('backtrace 2')).split('\n');
    const frame = /^#0 +0x[0-9a-f]+ in smtp_session__start \(peer=0x[0-9a-f]+ "10\.0\.0\.7", port=-2525\) from (.*)$/;
    assert.equal(frame.exec(stub!)?.[1], object);
    assert.match(caller!, /^#1 .* from .*sonde\.node$/);

    gdb.go();
    await fired;
  });

  it('makes `enabled` true while its breakpoint is in, and false when it leaves', async () => {
    const program = await scene.current.program();
    const gdb = await Gdb.attach(scene.current, program.pid);
    gdb.go();
    assert.equal(await program.call('enabled', 'smtp.sessionStart'), false);
    await gdb.interrupt();
    await gdb.breakAt('-probe-stap smtp:session__start', ['printf "<%s %d>\\n", (char *) $_probe_arg0, $_probe_arg1']);
    gdb.go();
    await program.until(true);
    assert.equal(await program.call('enabled', 'smtp.sessionDone'), false);
    await program.call('fire', 'smtp.sessionStart', '10.0.0.7', 1);
    await program.call('fire', 'smtp.sessionDone', '10.0.0.7', 1, 1);
    await program.call('fire', 'smtp.sessionStart', '10.0.0.7', 2);
    assert.equal(await program.call('enabled', 'smtp.sessionStart'), true);

    await gdb.interrupt();
    const output = await gdb.detach();
    assert.deepEqual(
      output.match(/<.*>/g)?.filter((line) => line.includes('10.')),
      ['<10.0.0.7 1>', '<10.0.0.7 2>'],
    );
    assert.equal(await program.call('enabled', 'smtp.sessionStart'), false);
    await program.call('fireMany', 1000);
    assert.equal(await program.end(), 0);
  });

  it('makes `enabled` false by deleting its breakpoint', async () => {
    const program = await scene.current.program();
    const gdb = await Gdb.attach(scene.current, program.pid);
    await gdb.breakAt('-probe-stap smtp:session__start');
    gdb.go();
    await program.until(true);
    await gdb.interrupt();
    await gdb.ask('delete');
    gdb.go();
    await program.until(false);
  });
});
