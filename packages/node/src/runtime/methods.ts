// Where Node.js publishes nothing: methods of its own that are replaced while probes are traced, and put back afterwards. A program
// that replaced the same method in the meantime keeps its own; then ours stays below it, if it calls that, and hands on.
import type { Switch } from './channels.js';

// biome-ignore lint/suspicious/noExplicitAny: any method at all.
type Method = (this: any, ...args: any[]) => unknown;

/** Called instead of the method; `call` calls it, and must be called. */
// biome-ignore lint/suspicious/noExplicitAny: any method at all.
export type Around = (call: (args?: readonly any[]) => any, self: any, args: any[]) => unknown;

interface Place {
  original: Method;
  own: PropertyDescriptor | undefined;
  replacement: Method;
  arounds: Around[];
}

const places = new WeakMap<object, Map<PropertyKey, Place>>();

/** Puts `around` around a method while it is on. `target` is asked for when it is needed, so that nothing is loaded before. */
export function around(target: () => object, name: PropertyKey, around: Around): Switch {
  return {
    on() {
      place(target(), name)?.arounds.push(around);
    },
    off() {
      const object = target();
      const found = places.get(object)?.get(name);
      const index = found?.arounds.indexOf(around) ?? -1;
      if (!found || index < 0) return;
      found.arounds.splice(index, 1);
      if (found.arounds.length === 0) putBack(object, name, found);
    },
  };
}

function place(object: object, name: PropertyKey): Place | undefined {
  let named = places.get(object);
  if (!named) {
    named = new Map();
    places.set(object, named);
  }
  const there = named.get(name);
  if (there) return there;
  const original = Reflect.get(object, name) as Method | undefined;
  const own = Object.getOwnPropertyDescriptor(object, name);
  // Not there in this version of Node.js, or frozen.
  if (typeof original !== 'function' || (own && !own.configurable) || !Object.isExtensible(object)) return undefined;
  const arounds: Around[] = [];
  const replacement: Method = function (...args) {
    let call = (given: readonly unknown[] = args) => Reflect.apply(original, this, given);
    for (const each of arounds) {
      const inner = call;
      call = (given = args) => each(inner, this, given as unknown[]) as ReturnType<Method>;
    }
    return call();
  };
  // Name, number of parameters, and what util.promisify looks for.
  for (const key of Reflect.ownKeys(original)) {
    const descriptor = Object.getOwnPropertyDescriptor(original, key)!;
    if (key !== 'prototype') Object.defineProperty(replacement, key, descriptor);
  }
  Object.defineProperty(object, name, {
    value: replacement,
    writable: true,
    configurable: true,
    enumerable: own?.enumerable ?? false,
  });
  const made = { original, own, replacement, arounds };
  named.set(name, made);
  return made;
}

function putBack(object: object, name: PropertyKey, { own, replacement }: Place): void {
  // The next time begins with what is there then: ours may be called by nobody any more.
  places.get(object)!.delete(name);
  // Somebody wrapped it: it is called by their function, and goes on to do nothing.
  if (Reflect.get(object, name) !== replacement) return;
  if (own) Object.defineProperty(object, name, own);
  else Reflect.deleteProperty(object, name);
}
