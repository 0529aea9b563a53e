import { type Machine, STUB_ALIGNMENT } from './architecture.js';
import type { ByteWriter } from './bytes.js';
import { cTypes, type NativeType, type ProbeDefinition } from './definition.js';

/*
 * DWARF that tells tools the stubs' prototypes, so that they show `peer` instead of `arg0`:
 * bpftrace (`args->peer`), perf (`perf probe -x OBJECT 'SYMBOL peer:string'`), gdb (`ptype`,
 * `info scope`, a frame's arguments).
 *
 * Version 4: all that is said here fits into it, and tools older than DWARF 5, SystemTap and
 * elfutils of long-lived distributions, read it as well.
 *
 * No line table: there are no lines, and perf and gdb use one, where it exists, to skip a
 * function's prologue, which would be the nop itself.
 *
 * Section and figure numbers are those of the DWARF 4 specification.
 */

// Codes of our abbreviations: the shapes of entries in .debug_info.
const UNIT = 1;
const BASE_TYPE = 2;
const CONST_TYPE = 3;
const CONST_VOID = 4;
const POINTER_TYPE = 5;
const PROCEDURE = 6;
const PROCEDURE_WITHOUT_PARAMETERS = 7;
const PARAMETER = 8;

// Figure 18: tags.
const DW_TAG_formal_parameter = 0x05;
const DW_TAG_pointer_type = 0x0f;
const DW_TAG_compile_unit = 0x11;
const DW_TAG_base_type = 0x24;
const DW_TAG_const_type = 0x26;
const DW_TAG_subprogram = 0x2e;
// Figure 19: whether an entry has children.
const DW_CHILDREN_no = 0;
const DW_CHILDREN_yes = 1;
// Figure 20: attributes.
const DW_AT_location = 0x02;
const DW_AT_name = 0x03;
const DW_AT_byte_size = 0x0b;
const DW_AT_low_pc = 0x11;
const DW_AT_high_pc = 0x12;
const DW_AT_language = 0x13;
const DW_AT_producer = 0x25;
const DW_AT_prototyped = 0x27;
const DW_AT_encoding = 0x3e;
const DW_AT_external = 0x3f;
const DW_AT_frame_base = 0x40;
const DW_AT_type = 0x49;
// Figure 21: forms of attributes.
const DW_FORM_addr = 0x01;
const DW_FORM_data4 = 0x06;
const DW_FORM_string = 0x08;
const DW_FORM_data1 = 0x0b;
const DW_FORM_ref4 = 0x13;
const DW_FORM_exprloc = 0x18;
const DW_FORM_flag_present = 0x19;
// Figure 24: operations of location expressions.
const DW_OP_reg0 = 0x50;
const DW_OP_breg0 = 0x70;
const DW_OP_call_frame_cfa = 0x9c;
// Figure 25: encodings of base types.
const DW_ATE_boolean = 0x02;
const DW_ATE_signed = 0x05;
const DW_ATE_signed_char = 0x06;
const DW_ATE_unsigned = 0x07;
const DW_ATE_unsigned_char = 0x08;
// Figure 31: languages.
const DW_LANG_C99 = 0x0c;

/**
 * The contents of `.debug_abbrev`, the same in every object. All numbers are below 128, so each
 * ULEB128 is its one byte.
 */
// biome-ignore format: an attribute and its form belong together
export const abbreviations = Uint8Array.of(
  UNIT, DW_TAG_compile_unit, DW_CHILDREN_yes,
  DW_AT_language, DW_FORM_data1,  DW_AT_producer, DW_FORM_string,  DW_AT_name, DW_FORM_string,
  DW_AT_low_pc, DW_FORM_addr,  DW_AT_high_pc, DW_FORM_data4,  0, 0,

  BASE_TYPE, DW_TAG_base_type, DW_CHILDREN_no,
  DW_AT_byte_size, DW_FORM_data1,  DW_AT_encoding, DW_FORM_data1,  DW_AT_name, DW_FORM_string,  0, 0,

  CONST_TYPE, DW_TAG_const_type, DW_CHILDREN_no,
  DW_AT_type, DW_FORM_ref4,  0, 0,

  CONST_VOID, DW_TAG_const_type, DW_CHILDREN_no,
  0, 0,

  POINTER_TYPE, DW_TAG_pointer_type, DW_CHILDREN_no,
  DW_AT_byte_size, DW_FORM_data1,  DW_AT_type, DW_FORM_ref4,  0, 0,

  PROCEDURE, DW_TAG_subprogram, DW_CHILDREN_yes,
  DW_AT_external, DW_FORM_flag_present,  DW_AT_prototyped, DW_FORM_flag_present,
  DW_AT_name, DW_FORM_string,  DW_AT_low_pc, DW_FORM_addr,  DW_AT_high_pc, DW_FORM_data4,
  DW_AT_frame_base, DW_FORM_exprloc,  0, 0,

  PROCEDURE_WITHOUT_PARAMETERS, DW_TAG_subprogram, DW_CHILDREN_no,
  DW_AT_external, DW_FORM_flag_present,  DW_AT_prototyped, DW_FORM_flag_present,
  DW_AT_name, DW_FORM_string,  DW_AT_low_pc, DW_FORM_addr,  DW_AT_high_pc, DW_FORM_data4,
  DW_AT_frame_base, DW_FORM_exprloc,  0, 0,

  PARAMETER, DW_TAG_formal_parameter, DW_CHILDREN_no,
  DW_AT_name, DW_FORM_string,  DW_AT_type, DW_FORM_ref4,  DW_AT_location, DW_FORM_exprloc,  0, 0,

  0,
);

/** Writes the contents of `.debug_info`: one compile unit with a function for each stub. */
export function writeDebugInfo(
  out: ByteWriter,
  machine: Machine,
  provider: string,
  probes: readonly ProbeDefinition[],
  text: { address: number; size: number },
  stubSize: number,
): void {
  const start = out.length;
  out.u32(0); // unit_length, below
  out.u8(4); // version, 16 bits
  out.u8(0);
  out.u32(0); // offset in .debug_abbrev
  out.u8(8); // size of an address

  out.u8(UNIT);
  out.u8(DW_LANG_C99);
  out.text(`sonde\0${provider}\0`);
  out.words([text.address, 0, text.size]);

  const types: Partial<Record<NativeType, number>> = {};
  for (let i = 0; i < probes.length; i++) {
    const { symbol, arguments: parameters } = probes[i]!;
    for (let j = 0; j < parameters.length; j++) {
      const { type } = parameters[j]!;
      types[type] ??= writeType(out, machine, type, start);
    }
    out.u8(parameters.length === 0 ? PROCEDURE_WITHOUT_PARAMETERS : PROCEDURE);
    out.text(`${symbol}\0`);
    out.words([text.address + i * STUB_ALIGNMENT, 0, stubSize]);
    out.u8(1);
    out.u8(DW_OP_call_frame_cfa);
    for (let j = 0; j < parameters.length; j++) {
      const { name, type } = parameters[j]!;
      out.u8(PARAMETER);
      out.text(`${name}\0`);
      out.u32(types[type]!);
      writeLocation(out, machine, j);
    }
    if (parameters.length > 0) out.u8(0); // no more parameters
  }
  out.u8(0); // no more entries in the unit
  out.patch32(start, out.length - start - 4);
}

/**
 * Writes the contents of `.debug_aranges`: all code belongs to the one unit. gdb and libdw find the
 * unit of an address by it.
 */
export function writeAddressRanges(out: ByteWriter, text: { address: number; size: number }): void {
  const length = 44;
  const version = 2; // 16 bits
  const addressSize = 8; // 8 bits, and 8 for the size of a segment selector: none
  // Two words further, a word of padding, so that the pairs of address and length are aligned to
  // their size.
  out.words([length, version, addressSize << 16, 0, text.address, 0, text.size, 0, 0, 0, 0, 0]);
}

/**
 * Writes the contents of `.debug_frame`: a stub has no frame of its own, from its first instruction
 * to its last, so one rule is good for all of them. Debuggers and profilers unwind by it.
 */
export function writeFrames(out: ByteWriter, machine: Machine, text: { address: number; size: number }): void {
  out.words([20, 0xffffffff]); // length and id of the CIE
  out.copy(machine.frame);
  out.words([20, 0, text.address, 0, text.size, 0]); // the FDE: length, offset of the CIE, range
}

/**
 * Writes the entry of a type that is used for the first time, after those it is made of. Returns
 * its offset in the unit.
 */
function writeType(out: ByteWriter, machine: Machine, type: NativeType, unitStart: number): number {
  const cType = cTypes[type];
  let entry = out.length - unitStart;
  if (type === 'string') {
    writeBaseType(out, 1, machine.charSigned ? DW_ATE_signed_char : DW_ATE_unsigned_char, 'char');
    const qualified = out.length - unitStart;
    out.u8(CONST_TYPE);
    out.u32(entry);
    entry = out.length - unitStart;
    writePointerType(out, qualified);
  } else if (type === 'pointer') {
    out.u8(CONST_VOID);
    const qualified = entry;
    entry = out.length - unitStart;
    writePointerType(out, qualified);
  } else if (type === 'boolean') {
    writeBaseType(out, cType.size, DW_ATE_boolean, 'bool');
  } else {
    writeBaseType(out, cType.size, cType.signed ? DW_ATE_signed : DW_ATE_unsigned, `${type}_t`);
  }
  return entry;
}

function writeBaseType(out: ByteWriter, size: number, encoding: number, name: string): void {
  out.u8(BASE_TYPE);
  out.u8(size);
  out.u8(encoding);
  out.text(`${name}\0`);
}

function writePointerType(out: ByteWriter, target: number): void {
  out.u8(POINTER_TYPE);
  out.u8(8);
  out.u32(target);
}

/** Where a parameter is while the stub runs: in a register, or in the caller's frame. */
function writeLocation(out: ByteWriter, machine: Machine, index: number): void {
  const { argumentRegisters } = machine;
  if (index < argumentRegisters.length) {
    out.u8(1);
    out.u8(DW_OP_reg0 + argumentRegisters[index]!);
    return;
  }
  out.u8(2);
  out.u8(DW_OP_breg0 + machine.stackPointer);
  out.u8(machine.stackArguments + 8 * (index - argumentRegisters.length)); // at most 48, so SLEB128 is one byte
}
