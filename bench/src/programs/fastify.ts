// An HTTP server, each of whose requests fires so many probes.
//   node fastify.js PROBES
// Its first line is where it listens and what to attach a tracer to, as JSON. It ends with its standard input.
import Fastify from 'fastify';
import { int32, type Probe, provider, status, string } from 'sonde';
import { writeLine } from './lines.js';

export interface Listening {
  port: number;
  location: string | undefined;
}

const count = Number(process.argv[2]);
const probes: Probe<[url: string, request: number]>[] = [];
if (count > 0) {
  const keys = Array.from({ length: count }, (_, index) => `step${index}`);
  const web = provider('web', Object.fromEntries(keys.map((key) => [key, [string('url'), int32('request')]])));
  probes.push(...(Object.values(web) as unknown as typeof probes));
}
let requests = 0;
const server = Fastify();
server.get('/', (request) => {
  requests++;
  for (const probe of probes) probe.fire(request.url, requests);
  return { hello: 'world', requests };
});
await server.listen({ port: 0, host: '127.0.0.1' });
const { port } = server.server.address() as { port: number };
writeLine(
  JSON.stringify({ port, location: count > 0 ? status().providers[0]?.location : undefined } satisfies Listening),
);
process.stdin.on('end', () => process.exit()).resume();
