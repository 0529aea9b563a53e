// An HTTP server, whose routes fire so many probes each; nobody traces them.
//   node routes.js KIND:COUNT …
// Route /0 fires as the first says, and so on; KIND is probes, or plain for objects that do no more
// than look at a field of their own. Its first line is its port. For each line of its standard
// input it writes how many microseconds of processor time it has taken by then; with the end of it,
// it ends.
import { createInterface } from 'node:readline';
import Fastify from 'fastify';
import type { Probe } from 'sonde';
import { writeLine } from './lines.js';
import { makeSteps } from './steps.js';

const routes = process.argv.slice(2).map((fires) => {
  const [kind, count] = fires.split(':');
  return { kind, count: Number(count) };
});
const most = Math.max(1, ...routes.map(({ count }) => count));
type Firing = Pick<Probe<[url: string, request: number]>, 'fire'>;

class Plain implements Firing {
  private readonly field = 1;

  fire(url: string, request: number) {
    if (this.field !== 1) throw new Error(`${url} ${request}`);
  }
}

const all: Record<string, Firing[]> = {
  probes: makeSteps(most),
  plain: Array.from({ length: most }, () => new Plain()),
};

let requests = 0;
const server = Fastify();
for (const [index, { kind, count }] of routes.entries()) {
  const fired = all[kind!]!.slice(0, count);
  // A function of its own for each, so that V8 sees in each what that one sees.
  const handler = new Function(
    'fired',
    'count',
    `return ({ url }) => { // ${index}
      const request = count();
      for (const one of fired) one.fire(url, request);
      return { hello: 'world' };
    };`,
  );
  server.get(
    `/${index}`,
    handler(fired, () => ++requests),
  );
}
await server.listen({ port: 0, host: '127.0.0.1' });
writeLine(String((server.server.address() as { port: number }).port));
for await (const _ of createInterface(process.stdin)) {
  const { user, system } = process.cpuUsage();
  writeLine(String(user + system));
}
process.exit();
