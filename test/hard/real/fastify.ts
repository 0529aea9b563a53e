// A web server of Fastify, asked by injection and by fetch.
import { fetched, listenersOf, type Seen, stackOf } from './seen.js';

const fastify = fetched('fastify');

export async function run(): Promise<Seen> {
  const app = fastify();
  const errors: string[][] = [];
  app.get(
    '/sum/:a/:b',
    { schema: { params: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } } } },
    sum,
  );
  app.get('/fail', fail);
  app.setErrorHandler((error: Error, _: unknown, reply: { code(code: number): { send(value: unknown): void } }) => {
    errors.push(stackOf(error));
    reply.code(500).send({ message: error.message });
  });
  const answers: unknown[] = [];
  for (const url of ['/sum/1/2', '/sum/x/2', '/fail', '/missing']) {
    const { statusCode, body } = await app.inject(url);
    answers.push([statusCode, body]);
  }
  const address = await app.listen({ port: 0, host: '127.0.0.1' });
  const response = await fetch(`${address}/sum/3/4`);
  answers.push([response.status, await response.text()]);
  const listeners = [listenersOf(app.server)];
  await app.close();
  return { results: { answers, errors }, listeners };
}

async function sum({ params: { a, b } }: { params: { a: number; b: number } }): Promise<{ sum: number }> {
  return { sum: a + b };
}

async function fail(): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, 1));
  throw new Error('it failed');
}
