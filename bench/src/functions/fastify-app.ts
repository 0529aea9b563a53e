// A server as many are: routes, schemas, hooks, and functions of its own that do a little work
// each.
import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';

interface Item {
  id: number;
  name: string;
  price: number;
  tags: string[];
}

const items = new Map<number, Item>(Array.from({ length: 1000 }, (_, id) => [id, makeItem(id)]));

function makeItem(id: number): Item {
  return { id, name: `item ${id}`, price: priceOf(id), tags: tagsOf(id) };
}

function priceOf(id: number): number {
  return ((id * 7919) % 10_000) / 100;
}

function tagsOf(id: number): string[] {
  return ['red', 'green', 'blue'].filter((_, index) => (id >> index) % 2 === 0);
}

class Basket {
  private readonly lines: { item: Item; count: number }[] = [];

  add(item: Item, count: number): this {
    this.lines.push({ item, count });
    return this;
  }

  get total(): number {
    return round(this.lines.reduce((sum, line) => sum + line.item.price * line.count, 0));
  }

  toJSON(): object {
    return { lines: this.lines.map(({ item, count }) => ({ name: item.name, count })), total: this.total };
  }
}

function round(price: number): number {
  return Math.round(price * 100) / 100;
}

function parseToken(header: string | undefined): string {
  if (!header?.startsWith('Bearer ')) return 'nobody';
  return digest(header.slice('Bearer '.length));
}

function digest(text: string): string {
  return createHash('sha1').update(text).digest('hex').slice(0, 8);
}

async function find(id: number): Promise<Item> {
  const item = items.get(id % items.size);
  if (!item) throw new Error(`no item ${id}`);
  return item;
}

async function basketOf(ids: number[]): Promise<Basket> {
  const basket = new Basket();
  for (const id of ids) basket.add(await find(id), 1 + (id % 3));
  return basket;
}

export const app = fastify();

app.decorateRequest('user', '');
app.addHook('onRequest', async (request) => {
  (request as { user?: string }).user = parseToken(request.headers.authorization);
});
app.addHook('onSend', async (_request, reply) => {
  reply.header('x-app', 'bench');
});

app.get<{ Params: { id: number } }>(
  '/items/:id',
  {
    schema: {
      params: { type: 'object', properties: { id: { type: 'integer' } } },
      response: {
        200: {
          type: 'object',
          properties: {
            id: { type: 'integer' },
            name: { type: 'string' },
            price: { type: 'number' },
            tags: { type: 'array', items: { type: 'string' } },
          },
        },
      },
    },
  },
  async ({ params }) => find(params.id),
);

app.post<{ Body: { ids: number[] } }>(
  '/basket',
  { schema: { body: { type: 'object', properties: { ids: { type: 'array', items: { type: 'integer' } } } } } },
  async (request) => {
    const basket = await basketOf(request.body.ids);
    return { user: (request as { user?: string }).user, basket };
  },
);

/** Where it listens. */
export async function start(): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' });
  return (app.server.address() as AddressInfo).port;
}
