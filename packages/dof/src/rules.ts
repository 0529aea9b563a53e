import { LARGEST, LARGEST_ON_MACOS } from './constants.js';

/**
 * The systems that have a DTrace, by Node.js's names but for macOS (`darwin`) and illumos
 * (`sunos`).
 */
export type System = 'illumos' | 'freebsd' | 'macos' | 'linux';

/** A rule of the systems' loaders that bytes do not keep. */
export interface BrokenRule {
  rule: RuleName;
  /** Of the value that breaks it: bytes from the start. */
  offset: number;
  /** The value, the rule, and where it stands. */
  message: string;
  /** Whose loaders have this rule. Others are indifferent, or read past the end without asking. */
  systems: readonly System[];
  /** The functions that have it; the source files are listed beside the rules. */
  loader: string;
}

export type RuleName = keyof typeof rules;

interface Rule {
  /** What is demanded, as the end of a sentence. */
  demand: string;
  systems: readonly System[];
  loader: string;
}

const all: readonly System[] = ['illumos', 'freebsd', 'macos', 'linux'];
/** Their loaders are in the kernel, and of one origin; Linux's is a daemon, `dtprobed`. */
const kernels: readonly System[] = ['illumos', 'freebsd', 'macos'];

// The loaders' functions. Their files:
//
// | system  | `dtrace_…`                                              | `fasttrap_…`              |
// | ------- | ------------------------------------------------------- | ------------------------- |
// | illumos | usr/src/uts/common/dtrace/dtrace.c                      | fasttrap.c in that folder |
// | FreeBSD | sys/cddl/contrib/opensolaris/uts/common/dtrace/dtrace.c | fasttrap.c in that folder |
// | macOS   | bsd/dev/dtrace/dtrace.c                                 | fasttrap.c in that folder |
//
// DTrace for Linux 2 has the others in libcommon: dof_parser.c, or later usdt_parser.c (copying)
// and usdt_parser_dof.c; `make_probespec_name` is in dtprobed/dof_stash.c.
const copy = 'dtrace_dof_copyin; usdt_copyin_block';
const slurp = 'dtrace_dof_slurp; dof_slurp';
const section = 'dtrace_dof_sect; dof_sect';
const provider = 'dtrace_helper_provider_validate; validate_provider';
const provide = 'fasttrap_meta_provide';
const create = 'fasttrap_meta_create_probe; validate_probe';

/**
 * About in the order in which loaders ask. They stop at the first rule that is broken, and tell no
 * more than an error number. The rules of `fasttrap_…` and `make_probespec_name` are worse: the
 * call succeeds, and there is no probe. So do all on macOS while nobody traces: it looks at DOF
 * when a tracer comes.
 *
 * Three are not theirs, or stricter. `model`: all here is for 64-bit programs, and they take 32-bit
 * ones as well. `attributes`: nobody asks. `shared-too-often` bounds the work that bytes can cause.
 */
export const rules = {
  header: { demand: 'a DOF header has 64 bytes', systems: all, loader: copy },
  magic: { demand: 'DOF begins with 7f 44 4f 46', systems: all, loader: slurp },
  'load-size': { demand: 'what is loaded is the header at least, and all there', systems: all, loader: copy },
  // dtrace_dof_maxsize; Linux has 256 MiB (usdt_maxsize).
  'load-size-limit': {
    demand: `DOF is smaller than ${LARGEST} bytes`,
    systems: ['illumos', 'freebsd'],
    loader: 'dtrace_dof_copyin',
  },
  'load-size-limit-macos': {
    demand: `DOF is smaller than ${LARGEST_ON_MACOS} bytes`,
    systems: ['macos'],
    loader: 'dtrace_dof_copyin, dtrace_dof_copyin_from_proc',
  },
  model: { demand: 'only 64-bit DOF (2, LP64) can be read', systems: all, loader: slurp },
  encoding: { demand: 'the byte order is 1 (little-endian) or 2 (big-endian)', systems: all, loader: slurp },
  'native-encoding': { demand: "the byte order is the machine's", systems: all, loader: slurp },
  version: { demand: 'there are versions 1, 2 and 3', systems: all, loader: slurp },
  'accepted-version': {
    demand: 'illumos and FreeBSD take versions 1 and 2, macOS 3, Linux all three',
    systems: all,
    loader: slurp,
  },
  'dif-version': { demand: 'the version of D code is 2', systems: all, loader: slurp },
  'integer-registers': { demand: 'there are at most 8 integer registers', systems: all, loader: slurp },
  'tuple-registers': { demand: 'there are at most 8 tuple registers', systems: all, loader: slurp },
  'ident-padding': { demand: 'bytes 10 to 15 are zero', systems: all, loader: slurp },
  flags: { demand: 'there are no flags', systems: all, loader: slurp },
  // macOS demands that many, illumos and FreeBSD no more than that there is something.
  'section-header-size': { demand: 'section headers have at least 32 bytes', systems: all, loader: slurp },
  'section-header-exact': { demand: 'section headers have 32 bytes', systems: ['linux'], loader: 'dof_slurp' },
  'section-headers': { demand: 'all section headers are inside of what is loaded', systems: all, loader: slurp },
  'section-headers-aligned': { demand: 'section headers begin at a multiple of 8', systems: all, loader: slurp },
  'section-header-multiple': { demand: "a section header's size is a multiple of 8", systems: all, loader: slurp },
  'load-flag': {
    demand: 'a section of this type has the flag LOAD (1)',
    systems: ['illumos', 'freebsd', 'linux'],
    loader: slurp,
  },
  'section-alignment': { demand: 'an alignment is a power of two', systems: all, loader: slurp },
  'section-aligned': { demand: 'a section begins at a multiple of its alignment', systems: all, loader: slurp },
  'section-range': { demand: 'a section is all inside of what is loaded', systems: all, loader: slurp },
  'string-table-end': { demand: 'a string table ends with a zero byte', systems: all, loader: slurp },
  'provider-section': { demand: 'without a section PROVIDER there are no probes', systems: all, loader: slurp },
  'provider-aligned': { demand: 'a section PROVIDER begins at a multiple of 4', systems: all, loader: provider },
  'provider-size': {
    demand: 'a section PROVIDER has at least 40 bytes in version 1, 44 in others',
    systems: all,
    loader: provider,
  },
  'section-reference': { demand: 'there are fewer sections', systems: all, loader: section },
  'section-loaded': { demand: 'a section that is referred to has the flag LOAD (1)', systems: all, loader: section },
  'section-type': { demand: 'the section referred to is of another type', systems: all, loader: section },
  'provider-name': { demand: 'the provider name is inside of the string table', systems: all, loader: provider },
  'provider-name-length': { demand: 'a provider name has at most 63 bytes', systems: all, loader: provider },
  'provider-name-pid': {
    demand: 'a provider name has at most 53 bytes: the process id, up to 10 digits, follows it',
    systems: kernels,
    loader: provide,
  },
  'provider-name-reserved': {
    demand: 'the provider is not named pid, on macOS not objc or oneshot',
    systems: kernels,
    loader: provide,
  },
  'provider-name-characters': {
    demand: "a provider name consists of letters, digits, and - _ . `; the first is no digit and no '`'",
    systems: kernels,
    loader: 'dtrace_badname, called by dtrace_register',
  },
  attributes: {
    // DTRACE_STABILITY_MAX, DTRACE_CLASS_MAX in sys/dtrace.h. No loader asks.
    demand: 'a stability is 0 to 7, a dependency class 0 to 5',
    systems: [],
    loader: 'none: limits of the headers',
  },
  // illumos, FreeBSD and macOS take any size but 0 and read 48 bytes all the same.
  'probes-entry-size': {
    demand: 'an entry of PROBES has at least 48 bytes, and there is one',
    systems: all,
    loader: provider,
  },
  'probes-entry-multiple': { demand: "an entry's size is a multiple of 8", systems: all, loader: provider },
  'offsets-entry-size': { demand: 'an entry of PROFFS has 4 bytes', systems: all, loader: provider },
  'offsets-aligned': { demand: 'a section PROFFS begins at a multiple of 4', systems: all, loader: provider },
  'arguments-entry-size': { demand: 'an entry of PRARGS has 1 byte', systems: all, loader: provider },
  // Nobody asks, and everybody reads 4 bytes.
  'is-enabled-entry-size': {
    demand: 'an entry of PRENOFFS has 4 bytes',
    systems: all,
    loader: 'dtrace_helper_provide_one; emit_provider',
  },
  function: { demand: 'the function is inside of the string table', systems: all, loader: provider },
  // FreeBSD allows 191, and goes without the probe when there are more.
  'function-length': { demand: "a function's name has at most 127 bytes", systems: all, loader: provider },
  name: { demand: 'the probe name is inside of the string table', systems: all, loader: provider },
  'name-length': { demand: 'a probe name has at most 63 bytes', systems: all, loader: provider },
  'file-name': {
    demand: "provider, function and probe name are not empty, '.' or '..', and have no ':' or '/'",
    systems: ['linux'],
    loader: 'make_probespec_name, split_probespec_name',
  },
  offsets: { demand: 'the offsets are all inside of PROFFS', systems: all, loader: provider },
  'is-enabled-section': {
    demand: 'without a section PRENOFFS there are no is-enabled offsets',
    systems: all,
    loader: provider,
  },
  'is-enabled-offsets': { demand: 'the offsets are all inside of PRENOFFS', systems: all, loader: provider },
  tracepoints: {
    demand: 'a probe has a tracepoint, or, from version 2 on, an is-enabled tracepoint',
    systems: all,
    loader: provider,
  },
  'argument-map-range': { demand: 'the argument map is all inside of PRARGS', systems: all, loader: provider },
  'native-type': { demand: 'the type is inside of the string table', systems: all, loader: provider },
  'native-type-length': { demand: 'a type has at most 127 bytes', systems: all, loader: provider },
  // Those of the kernels allow one more, which has no type: fasttrap_pid_getargdesc then shows what
  // follows the last.
  'argument-map': { demand: 'the map points at native arguments', systems: ['linux'], loader: 'validate_provider' },
  'argument-map-kernel': {
    demand: 'the map points at native arguments or one after them',
    systems: kernels,
    loader: 'dtrace_helper_provider_validate',
  },
  'translated-type': { demand: 'the type is inside of the string table', systems: all, loader: provider },
  'translated-type-length': { demand: 'a type has at most 127 bytes', systems: all, loader: provider },
  // They sort by the difference in 32 bits, and go without the probe if two are the same or out of
  // order then.
  'offsets-distinct': {
    demand: 'the offsets of a probe differ, by less than 2^31',
    systems: all,
    loader: create,
  },
  'is-enabled-distinct': {
    demand: 'the is-enabled offsets of a probe differ, by less than 2^31',
    systems: all,
    loader: create,
  },
  // macOS does not ask.
  'probe-distinct': {
    demand: 'no two probes of a provider have the same function and name',
    systems: ['illumos', 'freebsd', 'linux'],
    loader: 'fasttrap_meta_create_probe; make_probespec_name',
  },
  'shared-too-often': {
    demand: 'it is read too often to be meant',
    systems: all,
    loader: 'none: a limit of this package',
  },
} as const satisfies Record<string, Rule>;

/** The versions that a system's loader takes: `dtrace_dof_slurp`, `dof_slurp`. */
export const acceptedVersions: Readonly<Record<System, readonly number[]>> = {
  illumos: [1, 2],
  freebsd: [1, 2],
  macos: [3],
  linux: [1, 2, 3],
};

/** @param what the value, and what it is */
export function breach(rule: RuleName, offset: number, what: string): BrokenRule {
  const { demand, systems, loader } = rules[rule];
  return { rule, offset, message: `${what}, at byte ${offset}: ${demand}`, systems, loader };
}
