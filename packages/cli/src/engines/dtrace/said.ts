// What dtrace says beside what its programs print.

/** What a line on stderr says. */
export type Said =
  /** Fires that are not in the output, or are not counted. */
  { type: 'lost'; what: 'events' | 'counts' | 'unreadable'; count: number } | { type: 'other'; text: string };

export function parseSaid(line: string): Said {
  const text = line.trim().replace(/^dtrace: /, '');
  // dt_handle.c of illumos has these, and of all that come from it.
  const [, drops, what] = /^(?:\[[^\]]*\] )?(\d+) (|aggregation )drops? on CPU/.exec(text) ?? [];
  if (drops !== undefined) return { type: 'lost', what: what === '' ? 'events' : 'counts', count: Number(drops) };
  if (/^error (?:on enabled probe ID|in \w+ for probe ID) /.test(text))
    return { type: 'lost', what: 'unreadable', count: 1 };
  return { type: 'other', text };
}

/** Why it does not trace, for people, with what to do. @param said what it wrote to stderr */
export function reasonOf(said: readonly string[], isRoot: boolean): string {
  const text = said.join('\n');
  if (/usage: dtrace .*\[-h \| -G\]|\[-h \| -G\]/.test(text)) {
    return 'dtrace is the script of SystemTap that makes C headers, not DTrace; install DTrace for Linux';
  }
  if (
    /requires additional privileges|run as root|permission denied|operation not permitted|insufficient privileges/i.test(
      text,
    ) ||
    (!isRoot && said.length > 0)
  ) {
    return `dtrace needs root${process.platform === 'sunos' ? ', or the privilege dtrace_user' : ''}`;
  }
  if (/DTrace device not available/i.test(text)) {
    return 'the system has not loaded DTrace; as root: kldload dtraceall';
  }
  const last = said.findLast((line) => /fail|invalid|cannot|could not|error/i.test(line)) ?? said.at(-1);
  if (/^No such process/.test(last ?? '')) return 'a process has ended, or another tracer holds it';
  return last === undefined ? 'it has ended' : last;
}
