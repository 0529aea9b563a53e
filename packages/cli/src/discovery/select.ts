// Probes by the names that people type: in the program's spelling, the tracers' or DTrace's, whole
// or with wildcards.
import picomatch from 'picomatch';
import { CommandError } from '../error.js';
import { fullName, type Probe, type TracedObject } from '../model.js';
import { printable } from '../output/escape.js';

/** Probes of an object that were asked for. */
export interface Selection {
  object: TracedObject;
  probes: Probe[];
}

/**
 * Selects probes by patterns: `PROVIDER:PROBE`, or `PROBE` of any provider, with `*`, `?`, `[…]` and
 * `{…,…}`. The name of an operation stands for its three probes.
 *
 * @throws {CommandError} if one of them selects nothing, with the names that come close
 */
export function select(objects: readonly TracedObject[], patterns: readonly string[]): Selection[] {
  const matchers = patterns.map((pattern) => ({ pattern, isMeant: matcher(pattern), isUsed: false }));
  const selections = objects.map((object) => ({
    object,
    probes: object.probes.filter((probe) => {
      const meaning = matchers.filter(({ isMeant }) => isMeant(probe));
      for (const each of meaning) each.isUsed = true;
      return meaning.length > 0;
    }),
  }));
  const unused = matchers.find(({ isUsed }) => !isUsed);
  if (unused) throw unknown(unused.pattern, objects);
  return selections.filter(({ probes }) => probes.length > 0);
}

/** `sessionStart`, `session-start`, `session__start` and `delivery.start` in the tracers' spelling. */
export function nativeSpelling(name: string): string {
  return name.replace(/[-.]/g, '__').replace(/[A-Z]/g, (capital) => `__${capital.toLowerCase()}`);
}

function matcher(pattern: string): (probe: Probe) => boolean {
  const [provider, name] = split(pattern);
  const isProvider = wildcard(provider);
  // A name of its own may have capitals.
  const isName = [name, nativeSpelling(name)].map((spelling) => wildcard(spelling));
  const isOperation = wildcard(nativeSpelling(name));
  return (probe) =>
    isProvider(probe.provider) &&
    (isName.some((is) => is(probe.name)) ||
      (probe.key !== undefined && isName[0]!(probe.key)) ||
      (probe.part !== undefined && isOperation(probe.name.slice(0, -`__${probe.part}`.length))));
}

function split(pattern: string): [provider: string, name: string] {
  const [first, second, ...more] = pattern.split(':');
  if (first === '' || second === '' || more.length > 0) {
    throw new CommandError(
      'usage',
      `the probe is ${JSON.stringify(pattern)}; give PROVIDER:PROBE, or PROBE alone, with * for any characters`,
    );
  }
  return second === undefined ? ['*', first!] : [first!, second];
}

function wildcard(pattern: string): (text: string) => boolean {
  try {
    return picomatch(pattern, { nonegate: true, noextglob: true, dot: true });
  } catch (error) {
    throw new CommandError('usage', `${JSON.stringify(pattern)} is no pattern: ${(error as Error).message}`);
  }
}

function unknown(pattern: string, objects: readonly TracedObject[]): CommandError {
  const all = [...new Set(objects.flatMap(({ probes }) => probes.map(fullName)))].sort();
  const name = nativeSpelling(pattern.split(':').at(-1)!);
  const close = all.filter((each) => distance(each.split(':')[1]!, name) <= Math.max(2, name.length / 3));
  const some = (close.length > 0 ? close : all).slice(0, 8).map(printable).join(', ');
  const more = close.length === 0 && all.length > 8 ? `, and ${all.length - 8} more` : '';
  const there =
    all.length === 0
      ? 'there are no probes at all'
      : `${close.length > 0 ? 'did you mean' : 'there are'} ${some}${more}${close.length > 0 ? '?' : ''}`;
  return new CommandError('nothing', `no probe is called ${JSON.stringify(pattern)}; ${there}`);
}

/** How many characters are to be changed, added or taken away: Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
