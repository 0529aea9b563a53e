// Which subcommands work here as this user, and what root would add.
import type { State } from './finding.js';

export interface Ability {
  name: string;
  state: State;
  what: string;
  /** What root would add, where that is something. */
  asRoot?: string;
}

export interface Circumstances {
  isRoot: boolean;
  /** Uprobe events can be made. */
  canTrace: boolean;
  canSeeOthers: boolean;
  hasBpftrace: boolean;
  hasPerf: boolean;
  /** perf may sample this user's processes. */
  canSample: boolean;
  hasGdb: boolean;
  /** gdb may attach to this user's processes. */
  canDebug: boolean;
}

type Judge = (circumstances: Circumstances) => Omit<Ability, 'name'>;

/** Those that need events. */
const traced: Judge = ({ isRoot, canTrace, hasBpftrace, hasGdb, canDebug }) => {
  if (canTrace) return { state: 'good', what: 'works, for processes of all users' };
  if (isRoot && hasBpftrace) return { state: 'limited', what: 'works through bpftrace, by which texts are cut' };
  const asRoot = isRoot ? {} : { asRoot: 'processes of all users, through the tracer of the kernel' };
  if (hasGdb && canDebug) {
    const whose = isRoot ? 'processes of all users' : 'processes of this user';
    return { state: 'limited', what: `works through gdb, for ${whose}, which it stops at each event`, ...asRoot };
  }
  const why = hasGdb ? 'gdb may not attach to processes' : 'gdb is not installed';
  return { state: 'bad', what: `does not work: the tracer of the kernel cannot be used, and ${why}`, ...asRoot };
};

/** Those that ask nothing of the machine. */
const always = (): Omit<Ability, 'name'> => ({ state: 'good', what: 'works' });

const attaching: Judge = ({ canSeeOthers }) =>
  canSeeOthers
    ? { state: 'good', what: 'works, for Node.js processes of all users' }
    : { state: 'limited', what: 'works for Node.js processes of this user', asRoot: 'processes of other users' };

const JUDGES: Readonly<Record<string, Judge>> = {
  list: ({ canSeeOthers }) =>
    canSeeOthers
      ? { state: 'good', what: 'works, for processes of all users' }
      : { state: 'limited', what: 'works for processes of this user', asRoot: 'processes of other users' },
  trace: traced,
  count: traced,
  hist: traced,
  top: traced,
  functions: traced,
  flame: ({ hasBpftrace, hasPerf, canSample, canTrace, isRoot }) => {
    if (!hasPerf && isRoot && hasBpftrace) {
      return { state: 'limited', what: 'samples by bpftrace; stacks where a probe fires (--on) need perf' };
    }
    if (!hasPerf) return { state: 'bad', what: 'needs perf, which is not installed' };
    if (!canSample)
      return { state: 'bad', what: 'may not sample processes', ...(!isRoot && { asRoot: 'processes of all users' }) };
    if (canTrace) return { state: 'good', what: 'works, for processes of all users' };
    return {
      state: 'limited',
      what: 'samples processes of this user',
      ...(!isRoot && { asRoot: 'processes of other users, and stacks where a probe fires (--on)' }),
    };
  },
  script: always,
  attach: attaching,
  detach: attaching,
  completion: always,
  doctor: always,
};

const BY_DTRACE = ['list', 'trace', 'count', 'hist', 'top'];

/** On other systems than Linux. */
export function abilitiesByDtrace(names: readonly string[], canTrace: boolean, isRoot: boolean): Ability[] {
  const byDtrace = (): Omit<Ability, 'name'> =>
    canTrace
      ? { state: 'good', what: 'works by DTrace' }
      : { state: 'bad', what: 'needs DTrace', ...(!isRoot && { asRoot: 'works by DTrace' }) };
  const never = (): Omit<Ability, 'name'> => ({ state: 'bad', what: 'works on Linux only' });
  return judged(names, (name) => (BY_DTRACE.includes(name) ? byDtrace : JUDGES[name] === always ? always : never));
}

/** @param names of the subcommands that there are */
export function abilities(names: readonly string[], circumstances: Circumstances): Ability[] {
  return judged(names, (name) => () => JUDGES[name]!(circumstances));
}

function judged(names: readonly string[], judgeOf: (name: string) => () => Omit<Ability, 'name'>): Ability[] {
  return names.filter((name) => Object.hasOwn(JUDGES, name)).map((name) => ({ name, ...judgeOf(name)() }));
}
