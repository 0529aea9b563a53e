// Behind these is Node.js's channel, which tells of a child before it is one; and two methods of
// the handle that Node.js keeps of it: `spawn`, and `close`, which it calls when the child is gone
// and before it emits anything. So there is no listener of ours among the program's, and nothing of
// ours below what they call. What waits for the child (spawnSync and its kind) is not seen.
import type { ChildProcess } from 'node:child_process';
import type { Provider } from 'sonde';
import type { childProcessProbes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { subscriptions } from './channels.js';
import { now, since } from './clock.js';
import { around } from './methods.js';

export function watchChildProcesses(node: Provider<typeof childProcessProbes>): void {
  const { on, off } = subscriptions({
    child_process: ({ process: child }: { process: ChildProcess & { _handle?: object } }) => {
      const { _handle: handle } = child;
      if (handle) watchHandle(node, child, handle);
    },
  });
  whileTraced([node.childStart, node.childExit, node.childError], on, off);
}

function watchHandle(node: Provider<typeof childProcessProbes>, child: ChildProcess, handle: { pid?: number }): void {
  let began = now();
  /** A negative number of the system's where there is no child. */
  let failure = 0;
  const spawn = around(
    () => handle,
    'spawn',
    () => {
      began = now();
      return (result) => {
        if (result < 0) failure = result;
        else node.childStart.fire(handle.pid!, child.spawnfile, textOf(child.spawnargs));
        return result;
      };
    },
  );
  const close = around(
    () => handle,
    'close',
    () => {
      // They are called once; and then they are there no more.
      spawn.off();
      close.off();
      const { spawnfile, exitCode, signalCode } = child;
      if (failure < 0)
        node.childError.fire(spawnfile, process.getBuiltinModule('node:util').getSystemErrorName(failure));
      else node.childExit.fire(handle.pid!, exitCode ?? -1, signalCode ?? '', since(began), spawnfile);
      return undefined;
    },
  );
  spawn.on();
  close.on();
}

/** Only of texts: to make one of anything else may run code of the program's. */
function textOf(args: readonly unknown[]): string {
  return args.map((arg) => (typeof arg === 'object' || typeof arg === 'function' ? '' : String(arg))).join(' ');
}
