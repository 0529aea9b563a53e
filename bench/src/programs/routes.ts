// An HTTP server, whose routes fire so many probes each; nobody traces them.
//   node routes.js COUNT …
// Route /0 fires as many as the first COUNT, and so on. Its first line is its port. For each line of its standard input it writes how many
// microseconds of processor time it has taken by then; with the end of it, it ends.
import { createInterface } from 'node:readline';
import Fastify from 'fastify';
import { int32, type Probe, provider, string } from 'sonde';
import { writeLine } from './lines.js';

const counts = process.argv.slice(2).map(Number);
const keys = Array.from({ length: Math.max(1, ...counts) }, (_, index) => `step${index}`);
const web = provider('web', Object.fromEntries(keys.map((key) => [key, [string('url'), int32('request')]])));
const all = Object.values(web) as unknown as Probe<[url: string, request: number]>[];

let requests = 0;
const server = Fastify();
for (const [index, count] of counts.entries()) {
  const probes = all.slice(0, count);
  server.get(`/${index}`, (request) => {
    requests++;
    // Read once: what is measured is probes, and not Fastify's getter.
    const { url } = request;
    for (const probe of probes) probe.fire(url, requests);
    return { hello: 'world' };
  });
}
await server.listen({ port: 0, host: '127.0.0.1' });
writeLine(String((server.server.address() as { port: number }).port));
for await (const _ of createInterface(process.stdin)) {
  const { user, system } = process.cpuUsage();
  writeLine(String(user + system));
}
process.exit();
