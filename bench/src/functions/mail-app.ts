// The mail server of the examples, as host.ts starts what it measures.
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';

/** Where it listens. Its database is in this folder. */
export async function start(folder: string): Promise<number> {
  const { startServer } = (await import(new URL('server.js', import.meta.url).href)) as {
    startServer(options: { port: number; store: string }): Promise<{ port: number }>;
  };
  const store = await mkdtemp(join(folder, 'mail-'));
  return (await startServer({ port: 0, store })).port;
}
