// A server that does nothing but run the code of a dependency: where checks in functions cost most.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';

const require = createRequire(import.meta.url);

const WORK: Record<string, () => () => unknown> = {
  acorn() {
    const { parse } = require('acorn') as typeof import('acorn');
    const source = readFileSync(require.resolve('acorn'), 'utf8');
    return () => parse(source, { ecmaVersion: 'latest' });
  },
  zod() {
    const { z } = require('zod') as typeof import('zod');
    const schema = z.array(
      z.object({
        id: z.number().int(),
        name: z.string().min(1),
        tags: z.array(z.string()).max(9),
        at: z.object({ x: z.number(), y: z.number() }).optional(),
      }),
    );
    const list = Array.from({ length: 300 }, (_, id) => ({
      id,
      name: `n${id}`,
      tags: ['a', 'b'],
      at: { x: 1, y: id },
    }));
    return () => {
      for (let i = 0; i < 10; i++) schema.parse(list);
    };
  },
};

/** Where it listens. */
export async function start(name: string): Promise<number> {
  const work = WORK[name]!();
  const server = createServer((_request, response) => {
    work();
    response.end();
  });
  // Others get their bursts between two of its own.
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
