import { provider } from 'sonde';
import { dnsProbes, watchDns } from './runtime/dns.js';
import { httpClientProbes, watchHttpClient } from './runtime/http-client.js';
import { httpServerProbes, watchHttpServer } from './runtime/http-server.js';
import { http2Probes, watchHttp2 } from './runtime/http2.js';
import { netProbes, watchNet } from './runtime/net.js';
import { udpProbes, watchUdp } from './runtime/udp.js';
import { undiciProbes, watchUndici } from './runtime/undici.js';

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
  const node = provider('node', {
    ...httpServerProbes,
    ...httpClientProbes,
    ...http2Probes,
    ...undiciProbes,
    ...netProbes,
    ...udpProbes,
    ...dnsProbes,
  });
  watchHttpServer(node);
  watchHttpClient(node);
  watchHttp2(node);
  watchUndici(node);
  watchNet(node);
  watchUdp(node);
  watchDns(node);
}
