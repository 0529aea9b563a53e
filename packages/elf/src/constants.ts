/**
 * Numbers of the ELF format that both writer and reader need, by their names in the System V gABI
 * (edition 4.1 and its drafts): chapters "Object Files" and "Program Loading and Dynamic Linking".
 */

/** Sizes of the format's structures in ELF64. */
export const HEADER_SIZE = 64;
export const SEGMENT_HEADER_SIZE = 56;
export const SECTION_HEADER_SIZE = 64;
export const SYMBOL_SIZE = 24;
export const DYNAMIC_ENTRY_SIZE = 16;

export const ELFCLASS32 = 1;
export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const ELFDATA2MSB = 2;
export const EV_CURRENT = 1;
export const ET_DYN = 3;

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_NOTE = 4;
/** Not of the gABI: GNU; its flags are the stack's. */
export const PT_GNU_STACK = 0x6474e551;
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;
/**
 * `e_phnum` when there are more segments than it can tell; the number is then in section 0's
 * `sh_info`.
 */
export const PN_XNUM = 0xffff;

export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_HASH = 5;
export const SHT_DYNAMIC = 6;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;
export const SHT_DYNSYM = 11;
export const SHF_WRITE = 1;
export const SHF_ALLOC = 2;
export const SHF_EXECINSTR = 4;
/** `e_shstrndx` when the index does not fit; it is then in section 0's `sh_link`. */
export const SHN_XINDEX = 0xffff;

export const STB_GLOBAL = 1;
export const STT_FUNC = 2;

export const DT_NULL = 0;
export const DT_HASH = 4;
export const DT_STRTAB = 5;
export const DT_SYMTAB = 6;
export const DT_STRSZ = 10;
export const DT_SYMENT = 11;
export const DT_SONAME = 14;

/** Owner `GNU`, type 3: the build-id (Linux Extensions to gABI). */
export const NT_GNU_BUILD_ID = 3;

/**
 * Owner `stapsdt`, type 3: version 3 of SDT notes, the one since 2010 (sys/sdt.h and the SystemTap
 * wiki, "UserSpaceProbeImplementation").
 */
export const NT_STAPSDT = 3;

/** Owner `sonde`, type 1: what program-note.ts writes. */
export const NT_SONDE = 1;
