// Where Node.js publishes nothing: methods of its own that are replaced while probes are traced,
// and put back afterwards. A program that replaced the same method in the meantime keeps its own;
// then ours stays below it, if it calls that, and hands on.
import type { Switch } from './channels.js';

// biome-ignore lint/suspicious/noExplicitAny: any method at all.
type Method = (this: any, ...args: any[]) => unknown;

/**
 * Called before the method, with what it is called on and with, which it may change: `args` is a
 * copy. What it returns is called afterwards: with the method's result, in whose place what that
 * returns is returned, or with `threw`.
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
 * Puts `around` around a method while it is on. `target` is asked for when it is needed, so that
 * nothing is loaded before. Nothing of it throws into the program; where there is no such method,
 * or it cannot be replaced, nothing happens.
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
 * A proxy: what a program reads of it, or writes to it, is the original's. It is one frame in the
 * stacks of what the original calls. Nothing is caught here to be thrown on: of an error that
 * nobody catches, Node.js would show this place, and not the one that it comes from.
 */
function replaced(original: Method, arounds: readonly Around[], current: () => Method): Method {
  return new Proxy(original, {
    apply(_original, self, args) {
      const after = before(arounds, self, args);
      if (!after) return apply(current(), self, args);
      let threw = true;
      try {
        const result = apply(current(), self, args);
        threw = false;
        return finished(after, result, false);
      } finally {
        if (threw) finished(after, undefined, true);
      }
    },
  });
}

/** As they were when this package was loaded. */
const { apply, getPrototypeOf } = Reflect;

/**
 * What the object had inherited then may have been replaced since: `domain` does that to `emit` of
 * all.
 */
function inherited(object: object, name: PropertyKey): Method {
  return (getPrototypeOf(object) as Record<PropertyKey, Method>)[name]!;
}

/**
 * Calls all; one that is called may take itself, or others, away. Nothing of them throws into the
 * program: see guard.ts.
 */
function before(arounds: readonly Around[], self: unknown, args: unknown[]): After | undefined {
  try {
    if (arounds.length < 2) return arounds[0]?.(self, args);
    let afters: After | undefined;
    for (const around of [...arounds]) {
      const [inner, after] = [afters, before([around], self, args)];
      if (after) afters = inner ? (result, threw) => finished(after, finished(inner, result, threw), threw) : after;
    }
    return afters;
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

function putBack(object: object, name: PropertyKey, { own, replacement }: Place): void {
  // The next time begins with what is there then: ours may be called by nobody any more.
  places.get(object)!.delete(name);
  // Somebody wrapped it: it is called by their function, and goes on to do nothing.
  if (Object.getOwnPropertyDescriptor(object, name)?.value !== replacement) return;
  if (own) Reflect.defineProperty(object, name, own);
  else Reflect.deleteProperty(object, name);
}
