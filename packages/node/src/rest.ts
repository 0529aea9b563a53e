// What is behind the probes of the provider `node`, once somebody traces them or asked for it.
import { log } from 'sonde/internal';
import { bridge } from './bridge.js';
import { bridges } from './bridges.js';
import { startFunctions } from './functions/start.js';
import { ownFunctions } from './functions/watch.js';
import { watchAllocation } from './runtime/allocation.js';
import { watchChildProcesses } from './runtime/child-processes.js';
import { watchDns } from './runtime/dns.js';
import { watchErrors } from './runtime/errors.js';
import { watchEventLoop } from './runtime/event-loop.js';
import { watchExceptions } from './runtime/exceptions.js';
import { watchGc } from './runtime/gc.js';
import { watchHttpClient } from './runtime/http-client.js';
import { watchHttpServer } from './runtime/http-server.js';
import { watchHttp2 } from './runtime/http2.js';
import { watchModules } from './runtime/modules.js';
import { watchNet } from './runtime/net.js';
import { watchThreads } from './runtime/threads.js';
import { watchUdp } from './runtime/udp.js';
import { watchUndici } from './runtime/undici.js';
import { captureStack } from './stacks/capture.js';
import { watchStacks } from './stacks/stacks.js';
import { type Started, setRest } from './start.js';

const debug = log('node');

/** What SONDE_BRIDGES names that is none, or why one could not be built. */
export let bridgesReason: string | undefined;

setRest({ begin, captureStack, functions: ownFunctions });

function begin({ node, began, isNew }: Started): void {
  for (const watch of [
    watchHttpServer,
    watchHttpClient,
    watchHttp2,
    watchUndici,
    watchNet,
    watchUdp,
    watchDns,
    watchAllocation,
    watchChildProcesses,
    watchErrors,
    watchExceptions,
    watchEventLoop,
    watchGc,
    watchModules,
    () => watchThreads(node, began, isNew),
    startFunctions,
    watchStacks,
  ]) {
    try {
      watch(node);
    } catch (error) {
      // A program may have frozen or replaced what a family needs of Node.js. It starts all the
      // same, and the family is inactive.
      debug('a family of probes is inactive: %o', error);
    }
  }
  bridgeAll(process.env.SONDE_BRIDGES);
}

/** Nothing that an environment says may end the program: what is wrong is told by status(). */
function bridgeAll(names: string | undefined): void {
  for (const name of names?.split(',').map((name) => name.trim()) ?? []) {
    if (name === '') continue;
    if (!Object.hasOwn(bridges, name)) {
      bridgesReason = `SONDE_BRIDGES names ${JSON.stringify(name)}, and there is no such bridge: give ${Object.keys(bridges).join(', ')}`;
      continue;
    }
    try {
      bridge(bridges[name as keyof typeof bridges]);
    } catch (error) {
      bridgesReason = `SONDE_BRIDGES: ${(error as Error).message}`;
    }
  }
}
