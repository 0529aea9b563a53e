// What probes that nobody traces add to a request. Two processes never cost the same, whatever they
// do; so one server has a route for each number of probes, and they get short bursts of requests in
// turn. A burst is compared with that of the same round without probes, which was a moment ago. Two
// routes without probes show what differs between equals.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Conversation } from './conversation.js';
import { environment, programPath } from './program.js';
import { type Interval, intervalOf } from './statistics.js';

/**
 * What a request fires, as the program takes it. `plain`: no probes, but the least that looking at
 * as many objects takes.
 */
export const ROUTES = {
  none: { what: 'no probes', fires: 'probes:0' },
  again: { what: 'the same again', fires: 'probes:0' },
  ten: { what: '10 probes a request', fires: 'probes:10' },
  hundred: { what: '100 probes a request', fires: 'probes:100' },
  plain: { what: '100 plain objects, if (object.field !== 1)', fires: 'plain:100' },
};
export type Route = keyof typeof ROUTES;
const routes = Object.keys(ROUTES) as Route[];

const CONNECTIONS = 10;

interface Burst {
  /** Of the server's processor time. */
  microseconds: number;
  perSecond: number;
}

/** Of each process, its rounds. */
export type Bursts = Record<Route, Burst>[][];

export async function loadRoutes(
  folder: string,
  { processes, rounds, warm, requests }: { processes: number; rounds: number; warm: number; requests: number },
): Promise<Bursts> {
  const bursts: Bursts = [];
  for (let i = 0; i < processes; i++) {
    // Which route is which changes, too: the router and V8 may treat them differently.
    const order = shuffled(routes);
    const env = environment({ SONDE_DIR: folder });
    const server = new Conversation(
      process.execPath,
      [programPath('routes'), ...order.map((route) => ROUTES[route].fires)],
      env,
    );
    const sockets: Socket[] = [];
    try {
      const port = Number(await server.hear());
      for (let j = 0; j < CONNECTIONS; j++) {
        const socket = connect(port, '127.0.0.1').setNoDelay();
        sockets.push(socket);
        await once(socket, 'connect');
      }
      const all: Record<Route, Burst>[] = [];
      for (let round = -warm; round < rounds; round++) {
        const measured: Partial<Record<Route, Burst>> = {};
        for (const route of shuffled(routes)) {
          const before = Number(await server.ask(''));
          const started = performance.now();
          await burst(sockets, `/${order.indexOf(route)}`, requests);
          const seconds = (performance.now() - started) / 1000;
          const microseconds = (Number(await server.ask('')) - before) / requests;
          measured[route] = { microseconds, perSecond: requests / seconds };
        }
        if (round >= 0) all.push(measured as Record<Route, Burst>);
      }
      bursts.push(all);
    } finally {
      for (const socket of sockets) socket.destroy();
      server.end();
    }
  }
  return bursts;
}

/** A route against the one without probes. */
export function ratioOf(bursts: Bursts, route: Route, figure: keyof Burst): Interval {
  return intervalOf(bursts.map((rounds) => rounds.map((round) => round[route][figure] / round.none[figure])));
}

/**
 * Asks so many times, on all connections. A client that does little: what it does takes turns with
 * the server where there are few processors.
 */
function burst(sockets: readonly Socket[], path: string, requests: number): Promise<void> {
  const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
  return new Promise((resolve, reject) => {
    let asked = 0;
    let answered = 0;
    for (const socket of sockets) {
      let answer = '';
      const ask = () => {
        if (asked >= requests) return;
        asked++;
        socket.write(request);
      };
      socket.removeAllListeners('data').on('data', (chunk: Buffer) => {
        answer += chunk.toString('latin1');
        if (!answer.endsWith('}')) return;
        if (!answer.startsWith('HTTP/1.1 200 ')) return reject(new Error(`the server answered ${answer}`));
        answer = '';
        if (++answered === requests) resolve();
        else ask();
      });
      socket.removeAllListeners('close').once('close', () => reject(new Error('the server ended')));
      ask();
    }
  });
}

function shuffled<Thing>(things: readonly Thing[]): Thing[] {
  const left = [...things];
  return Array.from(things, () => left.splice(Math.floor(Math.random() * left.length), 1)[0]!);
}
