// Allocations, sampled by V8 at every 32 KiB on average while traced, with the function that made
// them. Nothing else of it costs: an allocation between two samples is not slower. Samples come
// every quarter of a second, in one go. By the addon: the inspector has the same profiler, and has
// V8 collect the whole heap whenever it is asked for samples.
import type { Provider } from 'sonde';
import { log } from 'sonde/internal';
import { getAddon } from '../addon.js';
import type { allocationProbes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { together } from './channels.js';
import { guarded } from './guard.js';
import { openPort, sessions, whenOpened } from './inspector.js';
import { around } from './methods.js';
import { clearInterval, setInterval } from './tasks.js';

type Node = Provider<typeof allocationProbes>;

const debug = log('node');

const SAMPLED_BYTES = 32 * 1024;
const PERIOD_MS = 250;

/** While it is traced, why it is inactive all the same. */
let reason: string | undefined;

/** Why alloc__sample is inactive although it is traced. */
export const whyNoSamples = () => reason;

export function watchAllocation(node: Node): void {
  let timer: NodeJS.Timeout | undefined;
  const end = (why?: string) => {
    others.off();
    clearInterval(timer);
    if (timer) getAddon().allocationsOff();
    timer = undefined;
    reason = why;
    if (why !== undefined) debug('alloc__sample is inactive: %s', why);
  };
  // V8 has one such profiler for each thread: who wants it next would be given our samples, or
  // none.
  const others = together(
    whenOpened(end),
    around(sessions, 'post', (_session, [method]) => {
      if (method === 'HeapProfiler.startSampling') end(SAMPLES_ITSELF);
      return undefined;
    }),
    around(
      () => process.getBuiltinModule('node:v8'),
      'startHeapProfile',
      () => {
        end(SAMPLES_ITSELF);
        return undefined;
      },
    ),
  );
  whileTraced(
    [node.allocSample],
    () => {
      const why = openPort() ?? begin();
      if (why !== undefined) return end(why);
      timer = setInterval(
        guarded(() => {
          const samples = getAddon().allocationsTake();
          if (samples) fireAll(node, samples);
          else end(SAMPLES_ITSELF);
        }),
        PERIOD_MS,
      ).unref();
      others.on();
    },
    () => end(),
  );
}

const SAMPLES_ITSELF = 'the program samples its heap itself: stop that, and attach again';

/** Why it cannot. */
function begin(): string | undefined {
  try {
    return getAddon().allocationsOn(SAMPLED_BYTES) ? undefined : SAMPLES_ITSELF;
  } catch (error) {
    return (error as Error).message;
  }
}

/** One fire for each function and caller: the sum of what was sampled in it. */
function fireAll({ allocSample }: Node, samples: readonly (number | string)[]): void {
  for (let i = 0; i < samples.length; i += 5) {
    const [bytes, count, name, file, line] = samples.slice(i, i + 5) as [number, number, string, string, number];
    allocSample.fire(bytes, count, name, file, line);
  }
}
