// Allocations, sampled by V8 at every 32 KiB on average while traced, with the function that made them. Nothing else of it costs: an
// allocation between two samples is not slower. Samples come every quarter of a second, in one go.
import type { HeapProfiler, Session } from 'node:inspector';
import { int32, log, type Provider, string, uint64 } from 'sonde';
import { whileTraced } from '../presence.js';
import { guarded } from './guard.js';
import { clearInterval, setInterval } from './tasks.js';

export const allocationProbes = {
  allocSample: [uint64('bytes'), int32('count'), string('function'), string('file'), int32('line')],
} as const;

/** What @types/node does not have of V8's protocol. */
interface Profile {
  head: Node;
  samples: readonly { nodeId: number }[];
}

type Node = Omit<HeapProfiler.SamplingHeapProfileNode, 'children'> & { id: number; children: Node[] };

const debug = log('node');

const SAMPLED_BYTES = 32 * 1024;
const PERIOD_MS = 250;

/** While it is traced, why it rests all the same. */
let reason: string | undefined;

/** Why alloc__sample rests although it is traced. */
export const whyNoSamples = () => reason;

export function watchAllocation(node: Provider<typeof allocationProbes>): void {
  let session: Session | undefined;
  let timer: NodeJS.Timeout | undefined;
  const begin = () => {
    // Those that a collection freed meanwhile as well: V8 would else report what is still in use only.
    session?.post('HeapProfiler.startSampling', {
      samplingInterval: SAMPLED_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    } as HeapProfiler.StartSamplingParameterType);
  };
  const collect = guarded(() => {
    session?.post('HeapProfiler.stopSampling', (error, result) => {
      if (!error) guarded(fireAll)(node, result.profile as Profile);
    });
  });
  whileTraced(
    [node.allocSample],
    () => {
      try {
        session = connected();
      } catch (error) {
        reason = (error as Error).message;
        return debug('alloc__sample rests: %s', reason);
      }
      begin();
      timer = setInterval(() => {
        // Begun anew, or V8 would keep all samples from the first one on.
        collect();
        begin();
      }, PERIOD_MS).unref();
    },
    () => {
      clearInterval(timer);
      session?.disconnect();
      session = undefined;
      reason = undefined;
    },
  );
}

/** @throws where nothing can be sampled, or the program does so itself: it would lose its samples */
function connected(): Session {
  const { Session } = process.getBuiltinModule('node:inspector');
  const session = new Session();
  session.connect();
  if (!isSampling(session)) return session;
  session.disconnect();
  throw new Error('the program samples its heap itself: stop that, and attach again');
}

/** V8 has one such profiler for each thread, and would hand the program's over to whoever stops it. */
function isSampling(session: Session): boolean {
  let isThere = false;
  session.post('HeapProfiler.getSamplingProfile', (error) => {
    isThere = error === null;
  });
  return isThere;
}

/** One fire for each function: the sum of what was sampled in it. V8 has scaled each sample up to what it stands for. */
function fireAll({ allocSample }: Provider<typeof allocationProbes>, { head, samples }: Profile): void {
  const countOf = new Map<number, number>();
  for (const { nodeId } of samples) countOf.set(nodeId, (countOf.get(nodeId) ?? 0) + 1);
  const visit = ({ callFrame, selfSize, children, id }: Node) => {
    if (selfSize > 0) {
      const { functionName, url, lineNumber } = callFrame;
      allocSample.fire(selfSize, countOf.get(id) ?? 0, functionName, url, lineNumber + 1);
    }
    children.forEach(visit);
  };
  visit(head);
}
