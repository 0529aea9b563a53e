// Every type of argument at its extremes, as tracers read it.
import assert from 'node:assert/strict';
import { type Case, cases, type EveryProbe, expected } from '../fixtures/every-argument.js';
import { tracedBackends } from '../support/backends.js';
import * as forBpftrace from '../support/bpftrace.js';
import * as forGdb from '../support/gdb.js';
import * as forPerf from '../support/perf.js';
import { nativeArguments } from '../support/read-back.js';
import { useScene } from '../support/scene.js';
import { needsPtrace, needsRoot, needsTools } from '../support/tools.js';
import type { TracedProgram } from '../support/traced-program.js';
import { TraceInstance } from '../support/uprobe-events.js';

const probes = [...new Set(cases.map(({ probe }) => probe))];
/** Of this run alone: others may use the machine as well. */
const OWN = `sonde_test_${process.pid}`;

for (const traced of tracedBackends) {
  describe(`What tracers read of arguments, on ${traced.backend}`, function () {
    this.timeout(60_000);
    const scene = useScene({ SONDE_BACKEND: traced.backend });

    describe('bpftrace', () => {
      before(function () {
        needsTools(this, 'bpftrace', 'taskset');
        needsRoot(this);
      });

      it('reads each type exactly, by number', async () => {
        const program = await scene.current.program();
        const object = await program.object('every');
        const actions = probes.map(
          (probe) =>
            `${traced.bpftrace(object, 'every', probe)} ${forBpftrace.printNumbered(probe, nativeArguments(probe))}`,
        );
        assert.deepEqual(await trace(program, actions, cases), cases.map(expected));
      });

      it('reads each type exactly, by name', async () => {
        const program = await scene.current.program();
        const object = await program.object('every');
        const actions = probes.map(
          (probe) => `uprobe:${object}:every_${probe} ${forBpftrace.printNamed(probe, nativeArguments(probe))}`,
        );
        assert.deepEqual(await trace(program, actions, cases), cases.map(expected));
      });

      it('reads a JavaScript stack', async () => {
        const program = await scene.current.program();
        const object = await program.object('every');
        const action = forBpftrace.printNumbered('stack', nativeArguments('stack'));
        const tracer = forBpftrace.bpftrace(scene.current, `${traced.bpftrace(object, 'every', 'stack')} ${action}`);
        let stack = '';
        await tracer.hears(async () => {
          stack = await program.call('fireStack');
        }, />>/);
        const [read] = forBpftrace.readByBpftrace(await tracer.stop());
        // As much as it reads of a text: 64 bytes with the NUL.
        assert.equal(read, `stack | ${stack.slice(0, 63)}`);
      });

      async function trace(program: TracedProgram, actions: string[], fired: readonly Case[]) {
        await program.pin();
        const last = `${traced.bpftrace(await program.object('every'), 'every', 'last')} { printf("<<last>>\\n"); }`;
        const tracer = forBpftrace.bpftrace(scene.current, [...actions, last].join('\n'));
        // It attaches to one probe after the other: each must be heard before it counts.
        for (const probe of new Set(fired.map(({ probe }) => probe))) {
          const { fired: values } = fired.find((one) => one.probe === probe)!;
          await tracer.hears(() => program.call('fire', `every.${probe}`, ...values), new RegExp(`<<${probe}\\|.*>>`));
        }
        await tracer.hears(() => program.call('fire', 'every.last'), /<<last>>/);
        await fireAll(program, fired);
        const [, read] = await tracer.shows(/<<last>>\n((?:<<(?!last).*>>\n)+)<<last>>/);
        return forBpftrace.readByBpftrace(read!);
      }
    });

    describe('gdb', () => {
      const print = traced.backend === 'systemtap' ? forGdb.printProbe : forGdb.printNamed;

      before(function () {
        needsTools(this, 'gdb');
        needsPtrace(this);
      });

      if (traced.backend === 'systemtap') {
        it('reads each type exactly, as SDT notes tell it', async () => {
          assert.deepEqual(await trace(forGdb.printProbe, cases), cases.map(expected));
        });
      }

      it('reads each type exactly, by name', async () => {
        assert.deepEqual(await trace(forGdb.printNamed, cases), cases.map(expected));
      });

      it('knows the type of each parameter', async () => {
        const program = await scene.current.program();
        const gdb = await forGdb.Gdb.attach(scene.current, program.pid);
        const types: [EveryProbe, string][] = [
          ['int8', 'int8_t, int8_t, int8_t, int8_t, int8_t, int8_t'],
          ['uint16', 'uint16_t, uint16_t, uint16_t, uint16_t, uint16_t, uint16_t'],
          [
            'mixed',
            'int8_t, uint8_t, int16_t, uint16_t, bool, const char *, const void *, uint64_t, int32_t, uint64_t, const char *, int64_t',
          ],
          ['last', 'void'],
        ];
        for (const [probe, parameters] of types) {
          assert.equal(await gdb.ask(`ptype every_${probe}`), `type = void (${parameters})`);
        }
        const sizes = [
          'int8_t',
          'uint8_t',
          'bool',
          'int16_t',
          'uint16_t',
          'int32_t',
          'uint32_t',
          'int64_t',
          'uint64_t',
        ];
        const printed = await gdb.ask(
          `printf "${sizes.map(() => '%d').join(' ')}", ${sizes.map((type) => `sizeof(${type})`)}`,
        );
        assert.equal(printed, '1 1 1 2 2 4 4 8 8');
      });

      it('reads a long text up to its limit, whole characters only', async () => {
        const text = 'é'.repeat(4095);
        const [read] = await trace(print, [{ probe: 'long__text', fired: [text], seen: [] }]);
        assert.equal(read, `long__text | ${'é'.repeat(2047)}`);
      });

      it('reads a JavaScript stack', async () => {
        const program = await scene.current.program();
        const gdb = await forGdb.Gdb.attach(scene.current, program.pid);
        await gdb.breakAt(traced.gdb('every', 'stack'), print('stack', nativeArguments('stack')));
        gdb.go();
        await program.until(true, 'every.stack');
        const stack = await program.call('fireStack');
        await gdb.stopsAt(/>>/);
        const [first, ...others] = stack.split('\n');
        const [, place] = /^(.*:\d+):\d+\)$/.exec(first!)!;
        const [read] = gdb.readBack();
        const [readFirst, ...readOthers] = read!.replace('stack | ', '').split('\n');
        // Fired in the same line, at another column.
        assert.match(readFirst!, /^(?:Object\.)?fireStack \(file:\/\/.*traced-program\.js:\d+:\d+\)$/);
        assert.equal(readFirst!.replace(/:\d+\)$/, ''), place);
        assert.deepEqual(readOthers, others);
      });

      async function trace(print: typeof forGdb.printProbe, fired: readonly Case[]) {
        const program = await scene.current.program();
        const gdb = await forGdb.Gdb.attach(scene.current, program.pid);
        for (const probe of new Set(fired.map(({ probe }) => probe))) {
          await gdb.breakAt(traced.gdb('every', probe), print(probe, nativeArguments(probe)));
        }
        await gdb.breakAt(traced.gdb('every', 'last'));
        gdb.go();
        await allEnabled(program, fired);
        void fireAll(program, fired).catch(() => {});
        await gdb.stopsAt(/hit Breakpoint.*every_last/);
        return gdb.readBack();
      }
    });

    describe('perf', () => {
      before(function () {
        needsTools(this, 'perf', 'taskset');
        needsRoot(this);
      });

      it('reads each type exactly, by name', async () => {
        const program = await scene.current.program();
        await forPerf.addNamed(scene.current, await program.object('every'), OWN, probes, { typed: true });
        const read = await forPerf.record(scene.current, `${OWN}:*`, program.pid, () => fireAll(program, cases));
        assert.deepEqual(read.map(forPerf.readByPerf), cases.map(withoutMemory).map(expected));
      });

      it('knows the type of each argument', async () => {
        const program = await scene.current.program();
        await program.pin();
        await forPerf.addNamed(scene.current, await program.object('every'), OWN, probes, { typed: false });
        // As the kernel itself shows them: `perf script` of version 6.1 shows negative int8 and
        // int16 as unsigned.
        const instance = new TraceInstance(scene.current, OWN);
        for (const probe of probes) instance.enable(OWN, probe, true);
        await fireAll(program, cases);
        assert.deepEqual(
          instance.read().map((event) => forPerf.readByPerf(event.replace(/\(\w+\) /, ''))),
          cases.map(withoutMemory).map(expected),
        );
        for (const probe of probes) instance.enable(OWN, probe, false);
      });

      function withoutMemory({ probe, fired, seen }: Case): Case {
        const list = nativeArguments(probe);
        return { probe, fired, seen: seen.filter((_, index) => list[index]!.kind !== 'memory') };
      }
    });

    /** Tracers attach to one probe after the other, in whatever order. */
    async function allEnabled(program: TracedProgram, fired: readonly Case[]) {
      const probes = new Set<EveryProbe>([...fired.map(({ probe }) => probe), 'last']);
      await Promise.all([...probes].map((probe) => program.until(true, `every.${probe}`)));
    }

    async function fireAll(program: TracedProgram, fired: readonly Case[]) {
      for (const { probe, fired: values } of fired) await program.call('fire', `every.${probe}`, ...values);
      await program.call('fire', 'every.last');
    }
  });
}
