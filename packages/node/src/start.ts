import { provider } from 'sonde';
import { log } from 'sonde/internal';
import { bridge } from './bridge.js';
import { bridges } from './bridges.js';
import { whyForeign } from './foreign.js';
import { functionProbes } from './functions/probes.js';
import { startFunctions } from './functions/start.js';
import { allocationProbes, watchAllocation } from './runtime/allocation.js';
import { childProcessProbes, watchChildProcesses } from './runtime/child-processes.js';
import { dnsProbes, watchDns } from './runtime/dns.js';
import { errorProbes, watchErrors } from './runtime/errors.js';
import { eventLoopProbes, watchEventLoop } from './runtime/event-loop.js';
import { exceptionProbes, watchExceptions } from './runtime/exceptions.js';
import { gcProbes, watchGc } from './runtime/gc.js';
import { httpClientProbes, watchHttpClient } from './runtime/http-client.js';
import { httpServerProbes, watchHttpServer } from './runtime/http-server.js';
import { http2Probes, watchHttp2 } from './runtime/http2.js';
import { moduleProbes, watchModules } from './runtime/modules.js';
import { netProbes, watchNet } from './runtime/net.js';
import { threadProbes, watchThreads } from './runtime/threads.js';
import { udpProbes, watchUdp } from './runtime/udp.js';
import { undiciProbes, watchUndici } from './runtime/undici.js';
import { captureNatively } from './stacks/capture.js';
import { stacksProbes, watchStacks } from './stacks/stacks.js';

const debug = log('node');
const STARTED = Symbol.for('sonde.node.1');
const shared = globalThis as { [STARTED]?: true };

/**
 * Defines the provider `node` in this thread and starts to look whether somebody traces it. The
 * second time, and in another copy of this package, it does nothing; nor in the thread of Node.js's
 * module hooks, nor in Deno and Bun. `@sonde/node/register` calls it.
 */
export function start(): void {
  if (shared[STARTED] || whyForeign || isHooksThread()) return;
  // Not enumerable: a program may copy its globals.
  Object.defineProperty(shared, STARTED, { value: true, configurable: true });
  // One definition, so that there is one probe object, which all processes share.
  const node = provider('node', {
    ...httpServerProbes,
    ...httpClientProbes,
    ...http2Probes,
    ...undiciProbes,
    ...netProbes,
    ...udpProbes,
    ...dnsProbes,
    ...allocationProbes,
    ...childProcessProbes,
    ...errorProbes,
    ...exceptionProbes,
    ...eventLoopProbes,
    ...gcProbes,
    ...moduleProbes,
    ...threadProbes,
    ...functionProbes,
    ...stacksProbes,
  });
  for (const begin of [
    () => watchHttpServer(node),
    () => watchHttpClient(node),
    () => watchHttp2(node),
    () => watchUndici(node),
    () => watchNet(node),
    () => watchUdp(node),
    () => watchDns(node),
    () => watchAllocation(node),
    () => watchChildProcesses(node),
    () => watchErrors(node),
    () => watchExceptions(node),
    () => watchEventLoop(node),
    () => watchGc(node),
    () => watchModules(node),
    () => watchThreads(node),
    () => startFunctions(node),
    () => captureNatively(),
    () => watchStacks(node),
  ]) {
    safely(begin);
  }
  bridgeAll(process.env.SONDE_BRIDGES);
}

/**
 * Node.js runs what `--require` names in the thread of its module hooks, too. Nothing of the
 * program's is there.
 */
function isHooksThread(): boolean {
  const { isMainThread, parentPort, isInternalThread } = process.getBuiltinModule('node:worker_threads') as {
    isMainThread: boolean;
    parentPort: unknown;
    /** Since Node.js 22.14. */
    isInternalThread?: boolean;
  };
  return isInternalThread ?? (!isMainThread && parentPort === null);
}

/**
 * A program may have frozen or replaced what a family needs of Node.js. It starts all the same, and
 * the family is inactive.
 */
function safely(begin: () => void): void {
  try {
    begin();
  } catch (error) {
    debug('a family of probes is inactive: %o', error);
  }
}

/** What SONDE_BRIDGES names that is none, or why one could not be built. */
export let bridgesReason: string | undefined;

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
