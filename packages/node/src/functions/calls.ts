// From the places that V8 passes to calls: which call of a function it is that returns, and which
// have ended without passing a place. A frame has a depth, and calls that are open lie in the stack
// above one another. So when something happens at a depth, all that were deeper are over, and so is
// another call at the same depth; when the stack is empty, which is when microtasks run, all are.
//
// A call that is over and passed no return has thrown, unless it was about to return by a way on
// which V8 has no place. When exactly it ended is not known then.
import { now } from '../runtime/clock.js';
import type { What } from './places.js';

/** A function that may be called. */
export interface Callee {
  /** As places.ts has it. */
  readonly repeats: boolean;
}

/** What is told of calls. Nothing here may throw. */
export interface Told<Called extends Callee> {
  entered(called: Called): void;
  /** @param ns since it was entered; undefined where it is not known */
  returned(called: Called, ns: bigint | undefined, threw: boolean): void;
}

interface Call<Called> {
  called: Called;
  depth: number;
  began: bigint;
  mayReturn: boolean;
}

// As they were when this package was loaded.
const { then } = Promise.prototype;
const { apply } = Reflect;
const FULFILLED = Promise.resolve();

/** The open calls of functions that are neither async nor generators. */
export class Calls<Called extends Callee> {
  private readonly told: Told<Called>;
  /** The deepest last. */
  private readonly open: Call<Called>[] = [];
  private isAwaitingEnd = false;

  constructor(told: Told<Called>) {
    this.told = told;
  }

  /**
   * All that happens at a place, in its order.
   *
   * @param at when the place was passed
   */
  happens(called: Called, what: readonly What[], depth: number, at: bigint): void {
    this.below(depth);
    for (const each of what) this[each](called, depth, at);
  }

  /** Something else happened at this depth. */
  below(depth: number): void {
    while (this.open.length > 0 && this.open.at(-1)!.depth > depth) this.over(this.open.pop()!);
  }

  /** Nothing that began before is told any more. */
  forget(): void {
    this.open.length = 0;
  }

  private enter(called: Called, depth: number): void {
    const call = this.open.at(-1);
    if (call?.depth === depth) {
      // Another turn of the loop that it begins with.
      if (called.repeats && call.called === called) return;
      this.over(this.open.pop()!);
    }
    this.told.entered(called);
    const entered = { called, depth, began: 0n, mayReturn: false };
    this.open.push(entered);
    if (!this.isAwaitingEnd) this.awaitEnd();
    entered.began = now();
  }

  private leave(called: Called, depth: number, at: bigint): void {
    const call = this.open.at(-1);
    if (call?.depth !== depth) return;
    this.open.pop();
    if (call.called === called) this.told.returned(called, at > call.began ? at - call.began : 0n, false);
    else this.over(call);
  }

  private returns(called: Called, depth: number, at: bigint): void {
    this.leave(called, depth, at);
  }

  private 'may return'(called: Called, depth: number): void {
    const call = this.open.at(-1);
    if (call?.depth === depth && call.called === called) call.mayReturn = true;
  }

  private final(called: Called, depth: number, at: bigint): void {
    if (this.open.at(-1)?.mayReturn) this.leave(called, depth, at);
  }

  private over({ called, mayReturn }: Call<Called>): void {
    this.told.returned(called, undefined, !mayReturn);
  }

  private awaitEnd(): void {
    this.isAwaitingEnd = true;
    apply(then, FULFILLED, [
      () => {
        this.isAwaitingEnd = false;
        try {
          this.below(-1);
        } catch {
          // The stack is used up.
        }
      },
    ]);
  }
}
