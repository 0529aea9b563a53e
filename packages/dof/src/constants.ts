/**
 * Numbers of DOF, the DTrace Object Format, by their names in the systems' headers: `sys/dtrace.h`
 * (illumos, FreeBSD, macOS), `dtrace/dof_defines.h` and `dtrace/universal.h` (DTrace for Linux).
 * All four agree unless said otherwise.
 */

/** Sizes of the format's structures in bytes; they are the same for 32-bit and 64-bit programs. */
export const HEADER_SIZE = 64; // dof_hdr_t
export const SECTION_HEADER_SIZE = 32; // dof_sec_t
export const PROBE_SIZE = 48; // dof_probe_t
export const PROVIDER_SIZE = 44; // dof_provider_t
/** Without `dofpv_prenoffs`, which came with version 2. */
export const PROVIDER_SIZE_OF_VERSION_1 = 40;
/** An offset in PROFFS or PRENOFFS: `uint32_t`, on macOS `int32_t`. */
export const OFFSET_SIZE = 4;

/** The first four bytes, as a big-endian number: 7f "DOF". */
export const DOF_MAG = 0x7f444f46;
/** `dofh_ident`, bytes from the start. */
export const DOF_ID_MODEL = 4;
export const DOF_ID_ENCODING = 5;
export const DOF_ID_VERSION = 6;
export const DOF_ID_DIFVERS = 7;
export const DOF_ID_DIFIREG = 8;
export const DOF_ID_DIFTREG = 9;
export const DOF_ID_PAD = 10;
export const DOF_ID_SIZE = 16;

export const DOF_MODEL_ILP32 = 1;
export const DOF_MODEL_LP64 = 2;
export const DOF_ENCODE_LSB = 1;
export const DOF_ENCODE_MSB = 2;
/** Solaris 10. */
export const DOF_VERSION_1 = 1;
/** Brought is-enabled probes; the last one of illumos and FreeBSD. */
export const DOF_VERSION_2 = 2;
/** macOS's only one; Linux takes it too. */
export const DOF_VERSION_3 = 3;
export const DIF_VERSION_2 = 2;
/** The registers that the system's D virtual machine has. DOF without D code uses none of them. */
export const DIF_DIR_NREGS = 8;
export const DIF_DTR_NREGS = 8;

export const DOF_SECT_NONE = 0;
export const DOF_SECT_ECBDESC = 3;
export const DOF_SECT_STRTAB = 8;
export const DOF_SECT_PROVIDER = 15;
export const DOF_SECT_PROBES = 16;
export const DOF_SECT_PRARGS = 17;
export const DOF_SECT_PROFFS = 18;
export const DOF_SECT_INTTAB = 19;
export const DOF_SECT_XLTAB = 21;
export const DOF_SECT_PRENOFFS = 26;
export const DOF_SECF_LOAD = 1;

/**
 * `DOF_SEC_ISLOADABLE`: types whose sections must have the flag `LOAD`. All but comments, source
 * text and the system's name.
 */
export function isLoadable(type: number): boolean {
  return (type >= DOF_SECT_ECBDESC && type <= DOF_SECT_INTTAB) || (type >= DOF_SECT_XLTAB && type <= DOF_SECT_PRENOFFS);
}

/** Limits of names in bytes, with the zero at the end. */
export const DTRACE_PROVNAMELEN = 64;
/** 128 on illumos, macOS and Linux, 192 on FreeBSD. */
export const DTRACE_FUNCNAMELEN = 128;
export const DTRACE_NAMELEN = 64;
export const DTRACE_ARGTYPELEN = 128;

/**
 * `dtrace_dof_maxsize` of illumos and FreeBSD: DOF must be smaller. Bytes. Older illumos has 256
 * KiB, and refuses with E2BIG.
 */
export const LARGEST = 8 * 1024 * 1024;
/** The same of macOS 11 and newer, unless a sysctl says otherwise; there, nobody is told. */
export const LARGEST_ON_MACOS = 512 * 1024;

/** `DTRACE_STABILITY_…`: how likely something is to change; the place in the list is the number. */
export const STABILITIES = [
  'internal',
  'private',
  'obsolete',
  'external',
  'unstable',
  'evolving',
  'stable',
  'standard',
] as const;

/**
 * `DTRACE_CLASS_…`: which other machines something also exists on; the place in the list is the
 * number.
 */
export const DEPENDENCY_CLASSES = ['unknown', 'cpu', 'platform', 'group', 'isa', 'common'] as const;
