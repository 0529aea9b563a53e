// Behind these is the method `spawn` of ChildProcess, which `spawn`, `exec`, `execFile` and `fork` call. Node.js's channel comes before there is a
// process id. What waits for the child (spawnSync and its kind) is not seen.
import type { ChildProcess } from 'node:child_process';
import { int32, type Provider, string, uint64 } from 'sonde';
import { whileTraced } from '../presence.js';
import { now, since } from './clock.js';
import { guarded } from './guard.js';
import { around } from './methods.js';

export const childProcessProbes = {
  childStart: [int32('pid'), string('file'), string('arguments')],
  childExit: [int32('pid'), int32('code'), string('signal'), uint64('ns'), string('file')],
  childError: [string('file'), string('code')],
} as const;

export function watchChildProcesses(node: Provider<typeof childProcessProbes>): void {
  const spawned = guarded((child: ChildProcess) => {
    const { pid, spawnfile, spawnargs } = child;
    if (pid === undefined) {
      const failed = guarded(({ code }: { code?: unknown }) => node.childError.fire(spawnfile, String(code)));
      // `error` is emitted in a moment. A listener on it would take it from a program that has none.
      const emit = around(
        () => child,
        'emit',
        (call, _self, [event, error]) => {
          if (event === 'error') {
            emit.off();
            failed(error);
          }
          return call();
        },
      );
      return emit.on();
    }
    const began = now();
    node.childStart.fire(pid, spawnfile, spawnargs.join(' '));
    child.prependOnceListener(
      'exit',
      guarded((code: number | null, signal: string | null) => {
        node.childExit.fire(pid, code ?? -1, signal ?? '', since(began), spawnfile);
      }),
    );
  });
  const { on, off } = around(
    () => process.getBuiltinModule('node:child_process').ChildProcess.prototype,
    'spawn',
    (call, child) => {
      const result = call();
      spawned(child);
      return result;
    },
  );
  whileTraced([node.childStart, node.childExit, node.childError], on, off);
}
