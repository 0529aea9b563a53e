import { provider } from 'sonde';
import { httpServerProbes, watchHttpServer } from './runtime/http-server.js';

const STARTED = Symbol.for('sonde.node.1');
const shared = globalThis as { [STARTED]?: true };

/**
 * Defines the provider `node` in this thread and starts to look whether somebody traces it. The second time, and in another copy of this
 * package, it does nothing. `@sonde/node/register` calls it.
 */
export function start(): void {
  if (shared[STARTED]) return;
  shared[STARTED] = true;
  // One definition, so that there is one probe object, which all processes share.
  const node = provider('node', { ...httpServerProbes });
  watchHttpServer(node);
}
