// What the inserted code calls: one frozen object under one global name, which is neither enumerable nor to be changed. The code looks at the
// watched bytes itself, in it: a property of a constant object that never changes is a constant for V8, so that the look is a load and a
// comparison; a global for each byte took twice as long in a loop that V8 optimised, a constant in each module as long, but there is none
// to be had in an ECMAScript module (transform.ts tells why).
import { type Probe, type Provider, type Watched, watched } from 'sonde';
import { now } from '../runtime/clock.js';
import { describe } from './functions.js';
import type { functionProbes } from './probes.js';
import { MARK } from './transform.js';

type Functions = Provider<typeof functionProbes>;

/** When a call began, or 0: nobody wanted to know. */
type Token = bigint | 0;

const { isPromise } = process.getBuiltinModule('node:util').types;
const { then } = Promise.prototype;
const { apply, getPrototypeOf } = Reflect;
const { hasOwn } = Object;

/**
 * Makes `__sonde` in this thread.
 *
 * @returns the expressions that inserted code checks: whether entries are traced, and whether anything is.
 */
export function install({ functionEntry, functionReturn }: Functions): { entry: string; any: string } {
  const holder: Record<string, unknown> = {
    /** A function was entered. */
    i(id: number): Token {
      try {
        enter(id);
        return functionReturn.enabled ? now() : 0;
      } catch {
        // The stack is used up, and the program is about to find that out itself.
        return 0;
      }
    },
    /** The same of one whose return is not told. */
    l(id: number): 0 {
      try {
        enter(id);
      } catch {
        // As above.
      }
      return 0;
    },
    /** It returned. */
    o(id: number, began: bigint): 0 {
      tell(id, began, false);
      return 0;
    },
    /** An async function returned this, which may be a promise that it is to become. */
    p(id: number, began: bigint, value: unknown): 0 {
      try {
        if (isPlainPromise(value)) {
          const told = (threw: boolean) => () => tell(id, began, threw);
          // What the function's own promise does in a moment: one look more at the promise changes nothing.
          apply(then, value, [told(false), told(true)]);
          return 0;
        }
      } catch {
        // As above.
      }
      tell(id, began, false);
      return 0;
    },
    /** It threw. */
    t(id: number, began: bigint): void {
      tell(id, began, true);
    },
  };
  const entry = checks(holder, 'e', functionEntry);
  const any = `${entry}||${checks(holder, 'r', functionReturn)}`;
  Object.defineProperty(globalThis, MARK, { value: Object.freeze(holder) });
  return { entry, any };

  function enter(id: number): void {
    if (!functionEntry.enabled) return;
    const { file, name, line } = describe(id);
    functionEntry.fire(file, name, line);
  }

  function tell(id: number, began: bigint, threw: boolean): void {
    try {
      if (!functionReturn.enabled) return;
      const ns = now() - began;
      const { file, name, line } = describe(id);
      functionReturn.fire(file, name, line, ns, threw);
    } catch {
      // As above.
    }
  }
}

/** Puts what a probe watches into the holder, and writes the expression that looks at it. */
function checks(holder: Record<string, unknown>, name: string, probe: Pick<Probe, 'enabled'>): string {
  return watched(probe)
    .map(({ memory, resting }: Watched, index) => {
      const key = index === 0 ? name : `${name}${index}`;
      holder[key] = memory;
      return `${MARK}.${key}[0]!==${resting}`;
    })
    .join('||');
}

/** One whose `then` is not the program's own, and makes no promise of a class of the program's. */
function isPlainPromise(value: unknown): value is Promise<unknown> {
  return isPromise(value) && getPrototypeOf(value) === Promise.prototype && !hasOwn(value, 'constructor');
}
