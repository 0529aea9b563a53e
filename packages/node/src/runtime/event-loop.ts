import type { Provider } from 'sonde';
import type { eventLoopProbes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { together } from './channels.js';
import { now } from './clock.js';
import { guarded } from './guard.js';
import { currentRequest, requests } from './requests.js';
import { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from './tasks.js';

/** What is shorter is not worth a probe: a tracer that wants more of it takes loop__iteration. */
const THRESHOLD_NS = 10_000_000n;
const TICK_MS = 10;

type Node = Provider<typeof eventLoopProbes>;

export function watchEventLoop(node: Node): void {
  watchIterations(node);
  watchDelay(node);
  watchSlow(node);
}

/**
 * An immediate runs in each iteration, right after the loop has waited; one that does not hold the
 * loop does not keep it from waiting. What Node.js says of the time waited (event loop utilization)
 * tells the rest.
 */
function watchIterations(node: Node): void {
  let began = 0n;
  let idle = 0;
  let next: NodeJS.Immediate | undefined;
  const look = guarded(() => {
    next = setImmediate(look).unref();
    const [then, waited] = [began, idle];
    began = now();
    idle = process.getBuiltinModule('node:perf_hooks').performance.eventLoopUtilization().idle;
    const idleNs = BigInt(Math.max(0, Math.round((idle - waited) * 1e6)));
    const busyNs = began - then - idleNs;
    if (then !== 0n) node.loopIteration.fire(busyNs > 0n ? busyNs : 0n, idleNs);
  });
  whileTraced(
    [node.loopIteration],
    () => {
      began = 0n;
      next = setImmediate(look).unref();
    },
    () => clearImmediate(next),
  );
}

/** A timer of ten milliseconds, and by how much it comes late. */
function watchDelay(node: Node): void {
  let timer: NodeJS.Timeout | undefined;
  whileTraced(
    [node.loopDelay],
    () => {
      let last = now();
      timer = setInterval(
        guarded(() => {
          const then = last;
          last = now();
          const late = last - then - BigInt(TICK_MS) * 1_000_000n;
          if (late >= THRESHOLD_NS) node.loopDelay.fire(late);
        }),
        TICK_MS,
      ).unref();
    },
    () => clearInterval(timer),
  );
}

/**
 * async_hooks tell where each callback that the loop, or the queue of promises, calls begins and
 * ends.
 */
function watchSlow(node: Node): void {
  const { createHook, executionAsyncResource } = process.getBuiltinModule('node:async_hooks');
  /** The outermost callback that runs. */
  let running = 0;
  let began = 0n;
  /** Of Node.js's clock of timers, in nanoseconds of ours. */
  let origin: bigint | undefined;
  const hook = createHook({
    before: guarded((id: number) => {
      if (node.timerLate.enabled) lateTimer(executionAsyncResource());
      if (running !== 0) return;
      running = id;
      began = now();
    }),
    after: guarded((id: number) => {
      if (id !== running) return;
      running = 0;
      const ns = now() - began;
      if (ns < THRESHOLD_NS || !node.loopSlow.enabled) return;
      const request = currentRequest();
      const resource = executionAsyncResource().constructor?.name ?? '';
      node.loopSlow.fire(ns, request.id, request.method, request.url, resource);
    }),
  });
  function lateTimer(resource: { _idleStart?: unknown; _idleTimeout?: unknown }): void {
    const { _idleStart: start, _idleTimeout: delay } = resource;
    if (origin === undefined || typeof start !== 'number' || typeof delay !== 'number' || delay < 0) return;
    const late = now() - (origin + BigInt(Math.trunc(start + delay)) * 1_000_000n);
    if (late >= THRESHOLD_NS) node.timerLate.fire(late, delay, currentRequest().id);
  }
  const behind = together(requests, {
    on() {
      // What runs at this moment may never end as a callback: the main script, where a tracer was
      // there first.
      running = 0;
      const timer = setTimeout(() => {}, 1).unref() as NodeJS.Timeout & { _idleStart?: number };
      origin =
        typeof timer._idleStart === 'number' ? now() - BigInt(Math.trunc(timer._idleStart)) * 1_000_000n : undefined;
      clearTimeout(timer);
      hook.enable();
    },
    off() {
      hook.disable();
    },
  });
  whileTraced([node.loopSlow, node.timerLate], behind.on, behind.off);
}
