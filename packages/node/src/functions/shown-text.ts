// A program may look at a function's text, or hand it to somebody who runs it elsewhere (a browser, another realm): there `__sonde` is not. So
// functions show the text that the program was written with.
import { MARK, withoutInsertions } from './transform.js';

const { toString: original } = Function.prototype;

/** From now on `Function.prototype.toString` leaves out what was inserted; not under `--frozen-intrinsics`, where it is what it is. */
export function showOwnText(): void {
  const { apply } = Reflect;
  const shown = {
    toString(this: unknown): string {
      if (this === shown) return apply(original, original, []);
      const text: string = apply(original, this, []);
      return text.includes(MARK) ? withoutInsertions(text) : text;
    },
  }.toString;
  Reflect.defineProperty(Function.prototype, 'toString', { value: shown, writable: true, configurable: true });
}
