// sonde attach: programs get @sonde/node while they run.
import { attach as attachTo, type Done } from '../attach/attach.js';
import type { Detached, Loaded } from '../attach/in-target.js';
import { type AttachOptions, forEachProcess, type Outcome } from './each-process.js';

export async function attach(text: string, options: AttachOptions): Promise<void> {
  await forEachProcess(text, options, async (target) => outcome(await attachTo(target, options), target.pid));
}

function outcome(done: Done, pid: number): Outcome {
  const main = done.main as Loaded;
  const workers = threads(done, ['loaded', 'there']);
  const common = { node: main.node, version: main.version, ...workers.told, ...inspectorOf(done) };
  switch (main.state) {
    case 'loaded':
      return {
        state: 'attached',
        text: `has @sonde/node ${main.version} now${workers.text}; its main thread was busy with that for ${Math.round(main.ms!)} ms${inspectorText(done)}`,
        remark: main.reason ?? lackOf(done, main),
        ...common,
        backend: main.backend,
        ms: main.ms,
      };
    case 'there':
      return {
        state: 'there',
        text: `has @sonde/node ${main.version ?? 'of a version that is not known'} already, which ${main.byAttach ? `sonde detach ${pid} takes away` : 'the program loaded itself'}${workers.text}`,
        remark: otherVersion(done, main, pid),
        ...common,
      };
    case 'old':
      return { state: 'failed', text: `it runs Node.js ${main.node}, and sonde needs 20.19 or later`, ...common };
    default:
      return { state: 'failed', text: `sonde does not run in it: ${main.reason}`, ...common };
  }
}

function lackOf({ hasAddon }: Done, { node }: Loaded): string | undefined {
  if (hasAddon) return undefined;
  return `@sonde/node has no addon for Node.js ${node}, so there are no names of JavaScript functions in native stacks, and no probes gc__start and alloc__sample`;
}

function otherVersion({ brings }: Done, { version, byAttach }: Loaded, pid: number): string | undefined {
  if (version === undefined || version === brings) return undefined;
  const how = byAttach ? `run sonde detach ${pid} first` : 'install it in the program, and restart that';
  return `it is another version than ${brings}, which this command brings; to have that, ${how}`;
}

/** What became of worker threads. */
export function threads({ workers }: Done, good: readonly (Loaded | Detached)['state'][]) {
  const all = Object.entries(workers).filter(([, each]) => each?.state !== 'foreign');
  const missing = all.filter(([, each]) => !each || !good.includes(each.state)).map(([id]) => Number(id));
  const count = all.length - missing.length;
  const well = count > 0 ? `, and ${count === 1 ? 'a worker thread' : `${count} worker threads`} of it` : '';
  const wrong = missing.length > 0 ? `; not in thread ${missing.join(', ')}, which did not answer in time` : '';
  return { text: well + wrong, told: { threads: count, missingThreads: missing } };
}

export function inspectorOf({ address, wasOpen, openMs }: Done) {
  return { inspector: address, ...(wasOpen ? { wasOpen } : { openMs: Math.round(openMs) }) };
}

export function inspectorText({ address, wasOpen, openMs }: Done): string {
  return wasOpen
    ? `; its inspector was open at ${address} before, and stays open`
    : `; its inspector was open at ${address} for ${Math.round(openMs)} ms`;
}
