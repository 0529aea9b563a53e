// What the inserted code calls: one frozen object under one global name, which is neither
// enumerable nor to be changed. The code looks at the watched bytes itself, in it: a property of a
// constant object that never changes is a constant for V8, so that the look is a load and a
// comparison; a global for each byte took twice as long in a loop that V8 optimised, a constant in
// each module as long, but there is none to be had in an ECMAScript module (transform.ts tells
// why).
import type { Probe, Provider } from 'sonde';
import { type Watched, watched } from 'sonde/internal';
import type { functionProbes } from '../probes.js';
import { now } from '../runtime/clock.js';
import { describe } from './functions.js';
import { ensureRoom, roomFor } from './room.js';
import { MARK } from './transform.js';

type Functions = Provider<typeof functionProbes>;

interface Fired {
  functionEntry: { readonly enabled: boolean; fire(file: string, name: string, line: number): void };
  functionReturn: {
    readonly enabled: boolean;
    fire(file: string, name: string, line: number, ns: bigint, threw: boolean): void;
  };
}

const { isPromise } = process.getBuiltinModule('node:util').types;
const { then } = Promise.prototype;
const { apply, getPrototypeOf } = Reflect;
const { hasOwn } = Object;

/** More than what is called at a function's end takes. */
const ROOM = roomFor(128);

/**
 * Makes `__sonde` in this thread.
 *
 * @returns the expression that inserted code checks: whether anything is traced
 */
export function install(node: Functions): string {
  const holder: Record<string, unknown> = whatIsCalled(node);
  const check = `${checks(holder, 'e', node.functionEntry)}||${checks(holder, 'h', node.functionReturn)}`;
  Object.defineProperty(globalThis, MARK, { value: Object.freeze(holder) });
  return check;
}

/**
 * Makes a `__sonde` in this thread for code that is not traced here: `check` is what
 * {@link install} gave in the program's.
 */
export function installInert(check: string): void {
  const holder = whatIsCalled({ functionEntry: NEVER, functionReturn: NEVER });
  for (const [, key, untraced] of check.matchAll(/\.(\w+)\[0\]!==(\d+)/g)) holder[key!] = [Number(untraced)];
  Object.defineProperty(globalThis, MARK, { value: Object.freeze(holder) });
}

const NEVER = { enabled: false, fire() {} };

/** What inserted code calls: constructors, for the most part, and transform.ts tells why. */
export function whatIsCalled({ functionEntry, functionReturn }: Fired): Record<string, unknown> {
  /**
   * A call of a function, from when it was entered while somebody traced. What happens to it has
   * the names by which inserted code calls it.
   */
  class Call implements Iterable<Call> {
    private readonly id: number;
    private readonly began: bigint;
    private isOver: boolean;
    /** Whether its outermost `finally` is to tell that it returned, and what. */
    private returns = false;
    private value: unknown;
    /** `returns` as it was before a `finally` of the program's, by how many are around that one. */
    private saved: Record<number, boolean> | undefined;

    constructor(id: number) {
      this.id = id;
      this.isOver = !functionReturn.enabled;
      this.began = this.isOver ? 0n : now();
    }

    /** It returned. */
    done(): void {
      this.over(false);
    }

    /** An async function returned this, which may be a promise that it is to become. */
    settles(value: unknown): void {
      if (this.isOver) return;
      if (!isPlainPromise(value)) {
        this.over(false);
        return;
      }
      const told = (threw: boolean) => () => this.tell(threw);
      // What the function's own promise does in a moment: one look more at the promise changes
      // nothing.
      apply(then, value, [told(false), told(true)]);
      this.isOver = true;
    }

    /** The outermost `finally`: it threw, or returned what was noted. */
    leave(): void {
      if (this.returns) this.settles(this.value);
      else this.over(true);
    }

    /** It is to return this when its own `finally` is done. */
    later(value: unknown): void {
      this.returns = true;
      this.value = value;
    }

    /** Such a `finally` begins. */
    begin(depth: number): void {
      this.saved ??= Object.create(null) as Record<number, boolean>;
      this.saved[depth] = this.returns;
      this.returns = false;
    }

    /** It came to its end. */
    end(depth: number): void {
      this.returns = this.saved?.[depth] === true;
    }

    /** Itself, once: the head of a `for` takes it from here. */
    [Symbol.iterator](): Iterator<Call> {
      let done = false;
      return {
        next: () => {
          const result = { done, value: this };
          done = true;
          return result as IteratorResult<Call>;
        },
      };
    }

    private over(threw: boolean): void {
      if (this.isOver) return;
      this.isOver = true;
      this.tell(threw);
    }

    private tell(threw: boolean): void {
      try {
        if (!functionReturn.enabled) return;
        const ns = now() - this.began;
        const { file, name, line } = describe(this.id);
        functionReturn.fire(file, name, line, ns, threw);
      } catch {
        // The stack is used up, and the program is about to find that out itself.
      }
    }
  }

  type End = 'done' | 'settles' | 'leave' | 'later' | 'begin' | 'end';

  // With `function`: an arrow is no constructor.
  return { call, settles, later };

  /**
   * A function was entered, or what became of the call. One function for both: at the end, V8 is
   * not to need the stack for compiling another.
   *
   * @throws at the entry, where the stack has no room for the end
   */
  function call(which: number | Call, how?: End, value?: unknown): Call | undefined {
    if (typeof which === 'number') {
      enter(which);
      ensureRoom(ROOM);
      return new Call(which);
    }
    tell(which, how!, value);
    return undefined;
  }

  /** Tags of templates, for what is returned. */
  function settles(_: unknown, call: Call | undefined, value: unknown): unknown {
    if (call) tell(call, 'settles', value);
    return value;
  }

  function later(_: unknown, call: Call | undefined, value: unknown): unknown {
    if (call) tell(call, 'later', value);
    return value;
  }

  function enter(id: number): void {
    try {
      if (!functionEntry.enabled) return;
      const { file, name, line } = describe(id);
      functionEntry.fire(file, name, line);
    } catch {
      // As above.
    }
  }

  function tell(call: Call, how: End, value: unknown): void {
    try {
      call[how](value as never);
    } catch {
      // As above.
    }
  }
}

/** Puts what a probe watches into the holder, and writes the expression that looks at it. */
function checks(holder: Record<string, unknown>, name: string, probe: Pick<Probe, 'enabled'>): string {
  return watched(probe)
    .map(({ memory, untraced }: Watched, index) => {
      const key = index === 0 ? name : `${name}${index}`;
      holder[key] = memory;
      return `${MARK}.${key}[0]!==${untraced}`;
    })
    .join('||');
}

/** One whose `then` is not the program's own, and makes no promise of a class of the program's. */
function isPlainPromise(value: unknown): value is Promise<unknown> {
  return isPromise(value) && getPrototypeOf(value) === Promise.prototype && !hasOwn(value, 'constructor');
}
