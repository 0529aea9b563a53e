// What a probe costs that nobody traces, measured where the question comes up: in the running
// process.
import { smtp } from '../probes.js';

export interface Cost {
  /** One fire of a disabled probe, in nanoseconds, over the loop that it is called in. */
  fire: number;
  /**
   * For comparison, over the same loop: a call of an empty function, with the same arguments, that
   * V8 does not inline.
   */
  call: number;
}

/**
 * Held as the empty function below is: what stands before `.fire`, an import or a property, costs
 * the same for any object.
 */
const probe = smtp.sessionStart;

const TIMES = 1_000_000;
const ROUNDS = 41;

/**
 * Medians of differences between loops that ran right after one another, so that a change of the
 * CPU's speed cancels.
 */
export function disabledCost(): Cost {
  const loops = [bareLoop, fireLoop, callLoop];
  for (const loop of loops) for (let i = 0; i < 3; i++) loop(TIMES);
  const fire: number[] = [];
  const call: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const [bare, fired, called] = loops.map((loop) => nanosecondsPerTurn(loop)) as [number, number, number];
    fire.push(fired - bare);
    call.push(called - bare);
  }
  return { fire: median(fire), call: median(call) };
}

function nanosecondsPerTurn(loop: (times: number) => unknown): number {
  const start = process.hrtime.bigint();
  loop(TIMES);
  return Number(process.hrtime.bigint() - start) / TIMES;
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;

function bareLoop(times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) sum += i & 1;
  return sum;
}

function fireLoop(times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    sum += i & 1;
    probe.fire('127.0.0.1', i);
  }
  return sum;
}

function callLoop(times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    sum += i & 1;
    empty('127.0.0.1', i);
  }
  return sum;
}

/** Does nothing when called as above, and is too long for V8 to inline. */
const empty = new Function('peer', 'port', `if (port < 0) { ${'peer(port);'.repeat(200)} }`) as (
  peer: string,
  port: number,
) => void;
