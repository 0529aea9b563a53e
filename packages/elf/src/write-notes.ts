import { type Machine, STUB_ALIGNMENT } from './architecture.js';
import type { ByteWriter } from './bytes.js';
import { NT_STAPSDT } from './constants.js';
import { cTypes, type NativeArgument, type ProbeDefinition } from './definition.js';

/**
 * Writes the contents of `.note.stapsdt`: what makes a stub a USDT probe for SystemTap, bpftrace,
 * bcc, perf, gdb and DTrace for Linux.
 *
 * A note (SDT version 3) names the stub's address, the address of `.stapsdt.base` at link time
 * (tools compare it with the section's real one, should something have moved the object), and a
 * semaphore, of which there is none: sonde watches the stub's first byte instead.
 */
export function writeNotes(
  out: ByteWriter,
  machine: Machine,
  provider: string,
  probes: readonly ProbeDefinition[],
  textAddress: number,
  baseAddress: number,
): void {
  for (let i = 0; i < probes.length; i++) {
    const { name, arguments: parameters } = probes[i]!;
    const text = `${provider}\0${name}\0${noteOperands(machine, parameters)}\0`;
    const address = textAddress + i * STUB_ALIGNMENT;
    const owner = [0x70617473, 0x00746473]; // "stapsdt" and its zero
    out.words([8, 24 + text.length, NT_STAPSDT, ...owner, address, 0, baseAddress, 0, 0, 0]);
    out.text(text);
    out.align(4);
  }
}

/**
 * Where a tool finds the arguments when a stub is entered: `SIZE@OPERAND` each, the size negative
 * for signed types, separated by spaces.
 *
 * What is narrower is read as the four bytes of the `int` that C promotes it to, which whoever
 * fires must have extended it to: perf does not extend the sign of anything narrower, and would
 * show 128 for -128; SystemTap 4.8 takes a single byte on the stack for a signed one.
 */
function noteOperands(machine: Machine, parameters: readonly NativeArgument[]): string {
  let operands = '';
  for (let i = 0; i < parameters.length; i++) {
    const { size, signed } = cTypes[parameters[i]!.type];
    if (i > 0) operands += ' ';
    const width = size === 8 ? 8 : 4;
    operands += `${signed ? '-' : ''}${width}@${machine.operand(i, width)}`;
  }
  return operands;
}
