// The kernel alone, with no tracer installed: a line written into a file makes a tracer of it.
import assert from 'node:assert/strict';
import { tracedBackends } from '../support/backends.js';
import { useScene } from '../support/scene.js';
import { Stub, stubOffset } from '../support/stub.js';
import { assertWithin } from '../support/time.js';
import { cannotTest, needsRoot, needsTools } from '../support/tools.js';
import { addEvent, TraceInstance } from '../support/uprobe-events.js';

// Of this run alone: others may use the machine as well.
const OWN = `sonde_test_${process.pid}`;

describe('The kernel alone', function () {
  this.timeout(60_000);
  before(function () {
    needsTools(this, 'readelf');
    needsRoot(this);
    if (process.arch !== 'x64') cannotTest(this, `the registers are those of x64, and this is ${process.arch}`);
  });

  for (const { backend } of tracedBackends) {
    describe(`on ${backend}`, () => {
      const scene = useScene({ SONDE_BACKEND: backend });

      it('traces a stub by its place in the object, with the values of the arguments', async () => {
        const program = await scene.current.program();
        const object = await program.object();
        const offset = await stubOffset(object, 'smtp', 'session__start');
        addEvent(scene.current, OWN, 'start', `${object}:0x${offset.toString(16)} peer=+0(%di):ustring port=%si:s32`);
        const instance = new TraceInstance(scene.current, OWN);

        await program.call('fire', 'smtp.sessionStart', 'nobody', 0);
        instance.enable(OWN, 'start', true);
        await program.call('fire', 'smtp.sessionStart', '10.0.0.7', 2525);
        await program.call('fire', 'smtp.sessionStart', 'naïve', -1);
        await program.call('fire', 'smtp.sessionDone', '10.0.0.7', 1, 1);
        instance.enable(OWN, 'start', false);
        await program.call('fire', 'smtp.sessionStart', 'nobody', 0);

        const events = instance.read().map((event) => event.replace(/0x[0-9a-f]+/, 'ADDRESS'));
        assert.deepEqual(events, [
          'start: (ADDRESS) peer="10.0.0.7" port=2525',
          'start: (ADDRESS) peer="naïve" port=-1',
        ]);
      });

      it('reads registers and the stack, at the width of each argument', async () => {
        const program = await scene.current.program();
        const object = await program.object('every');
        const offset = await stubOffset(object, 'every', 'mixed__reversed');
        const registers = 'k=%di:s64 j=+0(%si):ustring i=%dx:u64 h=%cx:s32 g_length=%r9:u64';
        const stack = 'f=+0(+8(%sp)):ustring e=+16(%sp):u8 d=+24(%sp):u16 c=+32(%sp):s16 b=+40(%sp):u8 a=+48(%sp):s8';
        addEvent(scene.current, OWN, 'mixed', `${object}:0x${offset.toString(16)} ${registers} ${stack}`);
        const instance = new TraceInstance(scene.current, OWN);
        instance.enable(OWN, 'mixed', true);
        const values = [
          -(2n ** 63n),
          [1],
          2n ** 64n - 1n,
          -1,
          new Uint8Array(5),
          'seven',
          true,
          65535,
          -32768,
          255,
          -128,
        ];
        await program.call('fire', 'every.mixed__reversed', ...values);
        assert.deepEqual(
          instance.read().map((event) => event.replace(/^.*?\) /, '')),
          [
            'k=-9223372036854775808 j="[1]" i=18446744073709551615 h=-1 g_length=5 ' +
              'f="seven" e=1 d=65535 c=-32768 b=255 a=-128',
          ],
        );
        instance.enable(OWN, 'mixed', false);
      });

      // Here "attached" is plain: the kernel's answer to the write that enables the event.
      it('makes `enabled` true within 100 ms of attaching, and false within 100 ms of leaving', async function () {
        this.retries(2);
        const program = await scene.current.program();
        const object = await program.object();
        const stub = await Stub.find(program.pid, object, 'smtp', 'session__start');
        const untraced = stub.firstByte();
        const offset = await stubOffset(object, 'smtp', 'session__start');
        addEvent(scene.current, OWN, 'start', `${object}:0x${offset.toString(16)}`);
        const instance = new TraceInstance(scene.current, OWN);

        const enabled = program.until(true);
        instance.enable(OWN, 'start', true);
        const attached = process.hrtime.bigint();
        assert.notEqual(stub.firstByte(), untraced);
        assertWithin(100, attached, await enabled);

        const disabled = program.until(false);
        instance.enable(OWN, 'start', false);
        const left = process.hrtime.bigint();
        assert.equal(stub.firstByte(), untraced);
        assertWithin(100, left, await disabled);
      });
    });
  }
});
