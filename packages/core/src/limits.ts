// What tracers and their systems can carry of a definition. What is wrong on one system is refused
// on all, so that a program is right everywhere.

/**
 * Native arguments of a probe: `STAP_PROBE12` of <sys/sdt.h> is the widest, and so what Linux tools
 * parse. kMostArguments in the addon.
 */
export const MOST_NATIVE_ARGUMENTS = 12;
/**
 * Bytes. DTrace's DTRACE_PROVNAMELEN is 64 with the NUL, and fasttrap_meta_provide keeps ten for
 * the process id that it appends.
 */
export const LONGEST_PROVIDER_NAME = 53;
/** Bytes. DTrace's DTRACE_MODNAMELEN is 64 with the NUL. */
export const LONGEST_MODULE_NAME = 63;
/** Bytes. DTrace's DTRACE_FUNCNAMELEN is 128 with the NUL. */
export const LONGEST_FUNCTION_NAME = 127;
/** Bytes. DTrace's DTRACE_NAMELEN is 64 with the NUL. */
export const LONGEST_PROBE_NAME = 63;
/**
 * DTrace's own providers of processes, FASTTRAP_…_NAME in its <sys/fasttrap.h>; the last two on
 * macOS.
 */
export const RESERVED_PROVIDER_NAMES: readonly string[] = ['pid', 'objc', 'oneshot'];
