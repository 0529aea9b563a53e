// sonde detach: what sonde attach did is undone.
import { type Done, detach as detachFrom } from '../attach/attach.js';
import type { Detached } from '../attach/in-target.js';
import { inspectorOf, inspectorText, threads } from './attach.js';
import { type AttachOptions, forEachProcess, type Outcome } from './each-process.js';

export async function detach(text: string, options: AttachOptions): Promise<void> {
  await forEachProcess(text, options, async (target) => outcome(await detachFrom(target, options)));
}

function outcome(done: Done): Outcome {
  const main = done.main as Detached;
  const workers = threads(done, ['detached', 'none']);
  const common = { ...workers.told, ...inspectorOf(done) };
  switch (main.state) {
    case 'detached':
      return {
        state: 'detached',
        text: `has no @sonde/node any more${workers.text}; the addon stays in its memory${inspectorText(done)}`,
        ...common,
      };
    case 'none':
      return { state: 'none', text: 'has nothing that sonde attach loaded', ...common };
    default:
      return {
        state: 'failed',
        text: 'the program loaded @sonde/node itself; start it without, if it is to have none',
        ...common,
      };
  }
}
