import type { Architecture } from './definition.js';

/** Everything in which objects for one processor differ from those for another. */
export interface Machine {
  /** `e_machine` */
  elfMachine: number;
  /**
   * Alignment of segments: the largest page of any kernel for this processor. The dynamic loader
   * refuses objects that are aligned to less than the running kernel's page.
   */
  segmentAlignment: number;
  /** DWARF's numbers of the registers that carry the first arguments. */
  argumentRegisters: readonly number[];
  /** DWARF's number of the stack pointer. */
  stackPointer: number;
  /**
   * Where, from the stack pointer, the first argument on the stack lies when a stub is entered;
   * each takes 8 bytes.
   */
  stackArguments: number;
  /**
   * How to find the caller from a stub: the rest of a DWARF frame's CIE (DWARF 4, section 6.4.1),
   * 16 bytes. The version is 1, the one that says all we need and that every tool reads.
   */
  frame: Uint8Array;
  /** Is `char` signed? DWARF tells it. */
  charSigned: boolean;
  /**
   * SDT operand of the n-th argument (from 0), without size: `%edi`, `8(%rsp)`, `x0`, `[sp, 8]`.
   */
  operand(index: number, size: 4 | 8): string;
}

/**
 * Stubs start at multiples of this: no stub crosses a cache line, and no instruction that a kernel
 * replaces a page.
 */
export const STUB_ALIGNMENT = 16;

/**
 * A stub: it does nothing and returns, `nop; ret`. The nop is what tracers replace. Running past
 * the end, into what fills the stub up, ends at once: in an `int3` on x64, in a `udf` on arm64.
 */
export interface Stub {
  code: Uint8Array;
  /** Length of the part that is a function: nop and ret. */
  size: number;
}

export function stubFor(architecture: Architecture, nop: 1 | 5 | 10): Stub {
  const code = new Uint8Array(STUB_ALIGNMENT);
  if (architecture === 'arm64') {
    code.set([0x1f, 0x20, 0x03, 0xd5, 0xc0, 0x03, 0x5f, 0xd6]);
    return { code, size: 8 };
  }
  code.fill(0xcc);
  code.set(x64Nops[nop]);
  code[nop] = 0xc3;
  return { code, size: nop + 1 };
}

/**
 * One instruction each: Intel's manual, volume 2, "NOP", has the shorter two. The longest is its
 * 9-byte one with a cs prefix, the only 10-byte form that kernels with an optimisation for it
 * recognise.
 */
const x64Nops = {
  1: [0x90], // nop
  5: [0x0f, 0x1f, 0x44, 0x00, 0x00], // nopl 0(%rax,%rax)
  10: [0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00], // cs nopw 0(%rax,%rax)
};

/**
 * Names of the argument registers by width, 4 and 8 bytes. System V ABI for x86-64, section 3.2.3.
 */
const x64Registers: readonly Record<4 | 8, string>[] = [
  { 4: '%edi', 8: '%rdi' },
  { 4: '%esi', 8: '%rsi' },
  { 4: '%edx', 8: '%rdx' },
  { 4: '%ecx', 8: '%rcx' },
  { 4: '%r8d', 8: '%r8' },
  { 4: '%r9d', 8: '%r9' },
];

export const machines: Readonly<Record<Architecture, Machine>> = {
  x64: {
    elfMachine: 62, // EM_X86_64
    segmentAlignment: 0x1000,
    argumentRegisters: [5, 4, 1, 2, 8, 9], // System V ABI for x86-64, figure 3.36: rdi, rsi, rdx, rcx, r8, r9
    stackPointer: 7,
    stackArguments: 8, // above the return address
    // No augmentation, code in units of 1, data of -8, the return address in column 16.
    // DW_CFA_def_cfa: the caller's stack pointer is rsp + 8; DW_CFA_offset: the return address lies
    // just below.
    frame: Uint8Array.of(1, 0, 1, 0x78, 16, 0x0c, 7, 8, 0x80 | 16, 1, 0, 0, 0, 0, 0, 0),
    charSigned: true,
    operand(index, size) {
      return x64Registers[index]?.[size] ?? `${8 + 8 * (index - 6)}(%rsp)`;
    },
  },
  arm64: {
    elfMachine: 183, // EM_AARCH64
    segmentAlignment: 0x10000,
    argumentRegisters: [0, 1, 2, 3, 4, 5, 6, 7], // DWARF for the Arm 64-bit Architecture, section 4.1: x0 … x7
    stackPointer: 31,
    stackArguments: 0,
    // No augmentation, code in units of 4, data of -8, the return address in x30. DW_CFA_def_cfa:
    // the caller's stack pointer is sp.
    frame: Uint8Array.of(1, 0, 4, 0x78, 30, 0x0c, 31, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    charSigned: false,
    operand(index) {
      // AAPCS64, section 6.8.2: x0 … x7, then 8-byte slots from the stack pointer on. gcc names x
      // registers whatever the width.
      if (index < 8) return `x${index}`;
      return index === 8 ? '[sp]' : `[sp, ${8 * (index - 8)}]`;
    },
  },
};
