// The suite for the ebpf backend, as who traces its user events sees it; conformance.test.ts starts
// it.
import type { NativeArgument } from '@sonde/core/internal';
import { ebpf } from '@sonde/ebpf';
import { conformance } from '../../conformance/suite.js';
import { type Recorded, readMemory, UserEventTrace } from '../../support/user-events.js';

let release: (() => unknown) | undefined;
const trace = new UserEventTrace({ defer: (done) => (release = done) }, `sonde-conformance-${process.pid}`);
after(() => release!());

conformance({
  name: 'ebpf',
  make: ebpf,
  // An event has 4032 bytes; a single text has those but for its field and its NUL.
  room: 4032 - 4 - 1,
  attach(_loaded, { name, probes }, index) {
    const { name: probe, native } = probes[index]!;
    const event = `${name}_${probe}`;
    trace.enableUserEvent(event, true);
    return {
      take: () => trace.take(event).map((recorded) => native.map((_, slot) => read(recorded, native, slot))),
      detach: () => trace.enableUserEvent(event, false),
    };
  },
});

/** A native argument as the suite wants it: a 64-bit word, or memory, which is still there. */
function read(recorded: Recorded, native: readonly NativeArgument[], slot: number): bigint | Buffer {
  const value = recorded.get(native[slot]!.name)!;
  if (typeof value !== 'bigint') return value;
  if (native[slot]!.type !== 'pointer') return BigInt.asUintN(64, value);
  return readMemory('self', value, recorded.get(native[slot + 1]!.name) as bigint);
}
