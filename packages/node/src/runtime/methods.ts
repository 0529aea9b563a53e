// Where Node.js publishes nothing: methods of its own that are replaced while probes are traced, and put back afterwards. A program
// that replaced the same method in the meantime keeps its own; then ours stays below it, if it calls that, and hands on.
import type { Switch } from './channels.js';

// biome-ignore lint/suspicious/noExplicitAny: any method at all.
type Method = (this: any, ...args: any[]) => unknown;

/**
 * Called before the method, with what it is called on and with, which it may change: `args` is a copy. What it returns is called afterwards: with the
 * method's result, in whose place what that returns is returned, or with `threw`.
 */
// biome-ignore lint/suspicious/noExplicitAny: any method at all.
export type Around = (self: any, args: any[]) => After | undefined;

// biome-ignore lint/suspicious/noExplicitAny: what any method returns.
type After = (result: any, threw: boolean) => unknown;

interface Place {
  own: PropertyDescriptor | undefined;
  replacement: Method;
  arounds: Around[];
}

const places = new WeakMap<object, Map<PropertyKey, Place>>();

/**
 * Puts `around` around a method while it is on. `target` is asked for when it is needed, so that nothing is loaded before. Nothing of it throws
 * into the program; where there is no such method, or it cannot be replaced, nothing happens.
 */
export function around(target: () => object | undefined, name: PropertyKey, around: Around): Switch {
  let object: object | undefined;
  return {
    on() {
      object = target();
      if (object) place(object, name)?.arounds.push(around);
    },
    off() {
      // Where it was put: the program may have another object in its place by now.
      const found = object && places.get(object)?.get(name);
      const index = found?.arounds.indexOf(around) ?? -1;
      if (!object || !found || index < 0) return;
      found.arounds.splice(index, 1);
      if (found.arounds.length === 0) putBack(object, name, found);
    },
  };
}

/** Whether anything is around a method now. */
export function isAround(object: object, name: PropertyKey): boolean {
  const replacement = places.get(object)?.get(name)?.replacement;
  return replacement !== undefined && Object.getOwnPropertyDescriptor(object, name)?.value === replacement;
}

function place(object: object, name: PropertyKey): Place | undefined {
  let named = places.get(object);
  if (!named) {
    named = new Map();
    places.set(object, named);
  }
  const there = named.get(name);
  if (there) return there;
  const own = Object.getOwnPropertyDescriptor(object, name);
  const original = own ? own.value : Reflect.get(object, name);
  // Not there in this version of Node.js, or frozen, or an accessor of the program's.
  if (typeof original !== 'function' || !(own ? own.configurable : Object.isExtensible(object))) return undefined;
  const arounds: Around[] = [];
  const replacement = replaced(original, arounds, () => (own ? original : inherited(object, name)));
  Object.defineProperty(object, name, {
    ...(own ?? { writable: true, configurable: true, enumerable: false }),
    value: replacement,
  });
  const made = { own, replacement, arounds };
  named.set(name, made);
  return made;
}

/**
 * A proxy: what a program reads of it, or writes to it, is the original's. It is one frame in the stacks of what the original calls. Nothing is caught
 * here to be thrown on: of an error that nobody catches, Node.js would show this place, and not the one that it comes from.
 */
function replaced(original: Method, arounds: readonly Around[], current: () => Method): Method {
  return new Proxy(original, {
    apply(_original, self, args) {
      const after = arounds.length === 1 ? safely(arounds[0]!, self, args) : all(arounds, self, args);
      if (!after) return Reflect.apply(current(), self, args);
      let threw = true;
      try {
        const result = Reflect.apply(current(), self, args);
        threw = false;
        return after(result, false);
      } finally {
        if (threw) after(undefined, true);
      }
    },
  });
}

/** What the object had inherited then may have been replaced since: `domain` does that to `emit` of all. */
function inherited(object: object, name: PropertyKey): Method {
  return Reflect.get(Object.getPrototypeOf(object) as object, name) as Method;
}

/** Nothing of ours throws into the program: see guard.ts. */
function safely(around: Around, self: unknown, args: unknown[]): After | undefined {
  try {
    const after = around(self, args);
    return after && ((result, threw) => finished(after, result, threw));
  } catch {
    return undefined;
  }
}

function finished(after: After, result: unknown, threw: boolean): unknown {
  try {
    return after(result, threw);
  } catch {
    return result;
  }
}

function all(arounds: readonly Around[], self: unknown, args: unknown[]): After | undefined {
  // One that is called may take itself, or others, away.
  const afters = arounds.slice().flatMap((around) => safely(around, self, args) ?? []);
  if (afters.length === 0) return undefined;
  return (result, threw) => afters.reduce((given, after) => after(given, threw), result);
}

function putBack(object: object, name: PropertyKey, { own, replacement }: Place): void {
  // The next time begins with what is there then: ours may be called by nobody any more.
  places.get(object)!.delete(name);
  // Somebody wrapped it: it is called by their function, and goes on to do nothing.
  if (Object.getOwnPropertyDescriptor(object, name)?.value !== replacement) return;
  if (own) Reflect.defineProperty(object, name, own);
  else Reflect.deleteProperty(object, name);
}
