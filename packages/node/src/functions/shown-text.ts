// A program may look at a function's text, or hand it to somebody who runs it elsewhere (a browser,
// another realm): there `__sonde` is not. So functions show the text that the program was written
// with, and those of Node.js's that were replaced show theirs.
import { MARK, withoutInsertions } from './transform.js';

// biome-ignore lint/complexity/noBannedTypes: any function at all.
const originals = new WeakMap<object, Function>();

/**
 * From now on `Function.prototype.toString` leaves out what was inserted; not under
 * `--frozen-intrinsics`, where it is what it is.
 */
export function showOwnText(): void {
  const { apply } = Reflect;
  // As a method: like the original, it has no `prototype`.
  replace(Function.prototype, 'toString', (original) => {
    const shown = {
      toString(this: object): string {
        const text: string = apply(original, originals.get(this) ?? this, []);
        return text.includes(MARK) ? withoutInsertions(text) : text;
      },
    };
    return shown.toString;
  });
}

/**
 * Puts another function in the place of one of Node.js's, which looks the same. Nothing happens
 * where that is frozen.
 */
export function replace<Key extends string, Method extends (...args: never[]) => unknown>(
  object: { [key in Key]?: Method },
  key: Key,
  make: (original: Method) => Method,
): void {
  const original = object[key]!;
  const replacement = make(original);
  for (const property of ['name', 'length']) {
    Reflect.defineProperty(replacement, property, Reflect.getOwnPropertyDescriptor(original, property)!);
  }
  originals.set(replacement, original);
  const there = Reflect.getOwnPropertyDescriptor(object, key);
  if (there?.writable) Reflect.defineProperty(object, key, { ...there, value: replacement });
}
