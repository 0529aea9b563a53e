// DTrace's functions of probes. To DTrace all definitions of a provider and module in a process are
// one, and most systems do not take two probes of one function and name. So where another
// definition has a probe of the same name, a definition's functions end in a hash of it.
import { distinction } from './names.js';

/** The definitions of one provider and module that tracers can find now. */
interface Place {
  definitions: Map<string, { suffix: string; holders: number }>;
  /** How many of the definitions have a probe of this name. */
  names: Map<string, number>;
  /**
   * Whether one was withdrawn while another stayed: most systems keep its probes until the last
   * definition goes.
   */
  hasWithdrawn: boolean;
}

/** Nothing is kept of what was withdrawn: a program may make up names for as long as it runs. */
const places = new Map<string, Place>();

/**
 * Notes that a definition is there.
 *
 * @param place stands for the provider and its module
 * @param definition stands for the probes and their arguments
 * @param names of the probes
 * @returns what the names of its functions end in, and what is to be called once when it is
 * withdrawn
 */
export function noteDefinition(
  place: string,
  definition: string,
  names: readonly string[],
): { suffix: string; forget: () => void } {
  const there = places.get(place) ?? { definitions: new Map(), names: new Map(), hasWithdrawn: false };
  places.set(place, there);
  let own = there.definitions.get(definition);
  if (!own) {
    const isDistinct = !there.hasWithdrawn && !names.some((name) => there.names.has(name));
    own = { suffix: isDistinct ? '' : distinction(definition), holders: 0 };
    there.definitions.set(definition, own);
    for (const name of names) there.names.set(name, (there.names.get(name) ?? 0) + 1);
  }
  own.holders++;
  return { suffix: own.suffix, forget: () => forget(place, definition, names) };
}

function forget(place: string, definition: string, names: readonly string[]): void {
  const there = places.get(place)!;
  const own = there.definitions.get(definition)!;
  own.holders--;
  if (own.holders > 0) return;
  there.definitions.delete(definition);
  there.hasWithdrawn = true;
  for (const name of names) {
    const left = there.names.get(name)! - 1;
    if (left > 0) there.names.set(name, left);
    else there.names.delete(name);
  }
  if (there.definitions.size === 0) places.delete(place);
}
