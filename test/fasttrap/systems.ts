// What the tracers of other systems do with DOF, as their published sources have it: where they put
// the trap for a probe, and where they look for its arguments. All that is known of these systems
// here, but for their helper devices (test/fasttrap).
import type { DofProbe, System } from '@sonde/dof';
import type { Place } from '../conformance/selftrace.js';

/** One that the model can be, on this machine's processor, x86-64. */
export interface TracerRules {
  system: System;
  /** Where the instruction is that becomes a trap. `dof` is where the DOF was said to lie. */
  tracepoint(probe: DofProbe, dof: bigint): bigint;
  /** Where D finds `arg0`, `arg1`, and so on. */
  place(probe: DofProbe, index: number): Place;
  /**
   * Whether a process can have two probes of one name: fasttrap_meta_create_probe in fasttrap.c,
   * dof_stash.c of dtprobed.
   */
  takesTwins: boolean;
}

/**
 * What dtrace_probe() takes with it (`dtms_arg` in dtrace_impl.h); the others are looked for when D
 * asks for them.
 */
const CARRIED = 5;

/** The C calling convention's. */
const CALLED = ['rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9'];

/** dofpr_addr and the first offset: fasttrap_meta_create_probe in fasttrap.c. */
const byAddress: TracerRules['tracepoint'] = ({ address, offsets }) => address + BigInt(offsets[0]!);

/**
 * fasttrap_pid_probe, fasttrap_usdt_args64 and fasttrap_anarg in fasttrap_isa.c.
 *
 * @param mapped the six registers that follow `rdi` where the system keeps a program's: what is
 * looked at for a slot of the
 *   argument map, which fasttrap_meta_create_probe forgets if it changes nothing
 * @param asked the registers that fasttrap_anarg looks at
 */
const fasttrap =
  (mapped: readonly string[], asked: readonly string[]): TracerRules['place'] =>
  ({ argumentMap }, index) => {
    const isMapped = argumentMap.some((slot, argument) => slot !== argument);
    if (index >= CARRIED) return index < 6 ? asked[index]! : index - 6;
    if (!isMapped) return CALLED[index]!;
    const slot = argumentMap[index]!;
    // Not slot - 6: that is how it is written.
    return slot < 6 ? mapped[slot]! : slot;
  };

export const systems: Record<System, TracerRules> = {
  illumos: {
    // usr/src/uts/intel/dtrace/fasttrap_isa.c; `struct regs` in usr/src/uts/intel/sys/privregs.h.
    system: 'illumos',
    takesTwins: false,
    tracepoint: byAddress,
    place: fasttrap(CALLED, CALLED),
  },
  freebsd: {
    // sys/cddl/contrib/opensolaris/uts/intel/dtrace/fasttrap_isa.c; `struct reg` in
    // sys/x86/include/reg.h.
    system: 'freebsd',
    takesTwins: false,
    tracepoint: byAddress,
    place: fasttrap(['rdi', 'rsi', 'rbp', 'rbx', 'rdx', 'rcx'], CALLED),
  },
  macos: {
    // bsd/dev/i386/fasttrap_isa.c and bsd/dev/dtrace/fasttrap.c; `x86_saved_state64` in
    // osfmk/mach/i386/thread_status.h, where r10 is in the place of rcx. The offset counts from the
    // DOF, and behind the first byte.
    system: 'macos',
    takesTwins: true,
    tracepoint: ({ offsets }, dof) => dof + BigInt(offsets[0]!) - 1n,
    place: fasttrap(['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'], ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9']),
  },
  linux: {
    // As DTrace for Linux 2.0.7 was seen to do it, and as the tests in the virtual machine see it
    // again.
    system: 'linux',
    takesTwins: false,
    tracepoint: byAddress,
    place: (_, index) => (index < 6 ? CALLED[index]! : index - 6),
  },
};
