// An HTTP server, each of whose requests fires so many probes. Its first line is what `tell` tells.
//   node fastify.js PROBES
import Fastify from 'fastify';
import { makeSteps, tell } from './steps.js';

const steps = makeSteps(Number(process.argv[2]));
let requests = 0;
const server = Fastify();
server.get('/', (request) => {
  requests++;
  for (const step of steps) step.fire(request.url, requests);
  return { hello: 'world', requests };
});
await server.listen({ port: 0, host: '127.0.0.1' });
const { port } = server.server.address() as { port: number };
await tell(port);
