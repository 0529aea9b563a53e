// A shop's server, which knows nothing of sonde: it writes each visit into PostgreSQL, and tells of
// its queries on a diagnostics channel, as libraries do. Where the database is, PGHOST, PGPORT and
// PGUSER say; where nobody asks for it, there need be none.
//
//   node --import @sonde/node/register --import ./dist/probes.js dist/shop.js
import { tracingChannel } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';

const database = new pg.Pool({ max: 4 });
const queries = tracingChannel('shop:query');
let visits = 0;

const server = createServer(async (request, response) => {
  try {
    if (request.url === '/report') {
      response.end(String(report().length));
    } else {
      await query(`INSERT INTO visits VALUES (${++visits}, '${encodeURIComponent(request.url!)}')`);
      response.end('thank you\n');
    }
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error));
  }
});

function query(sql: string): Promise<unknown> {
  return queries.tracePromise(() => database.query(sql), { sql });
}

/** Takes long, in one turn of the event loop, and makes garbage. */
function report(): string[] {
  return Array.from({ length: 200_000 }, (_, number) => line(number)).sort();
}

function line(number: number): string {
  return [number, Math.sqrt(number)].join(';');
}

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
