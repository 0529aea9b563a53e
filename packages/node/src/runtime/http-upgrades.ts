// Requests to upgrade, and CONNECT, leave http: Node.js hands the connection to the program, and
// publishes nothing of them, on either side. But in every version its parser is told before that
// there is no more http. (On Node.js 26, not before all of the body was read, where there is one.)
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Switch } from './channels.js';
import { around } from './methods.js';

/** What Node.js's parser carries, since long before version 20. */
interface Parser {
  incoming?: IncomingMessage & { upgrade?: unknown };
  /** Of a client. */
  outgoing?: ClientRequest | null;
  socket?: Socket | null;
}

interface Handlers {
  client?(request: ClientRequest, response: IncomingMessage): void;
  server?(request: IncomingMessage, socket: Socket): void;
}

/** Calls these before the program has the connection, whether it listens or not. */
export function upgrades({ client, server }: Handlers): Switch {
  return around(parsers, 'finish', ({ incoming, outgoing, socket }: Parser) => {
    if (!incoming?.upgrade) return undefined;
    if (outgoing) client?.(outgoing, incoming);
    else if (socket) server?.(incoming, socket);
    return undefined;
  });
}

/** The request to upgrade which a server's connection is at, while its body is read. */
export function upgradeOf(socket: Socket): IncomingMessage | undefined {
  const { incoming, outgoing } = (socket as { parser?: Parser | null }).parser ?? {};
  return incoming?.upgrade && !outgoing ? incoming : undefined;
}

function parsers(): object | undefined {
  const { HTTPParser } = (process.getBuiltinModule('_http_common') ?? {}) as { HTTPParser?: { prototype: object } };
  return HTTPParser?.prototype;
}

/** The status in what a program writes first; 0 where that is no http. */
export function statusIn(written: unknown): number {
  // What `cork` and `uncork` gather is a list, of texts and buffers.
  const [first] = (Array.isArray(written) ? written : [written]) as [unknown];
  const chunk = (first as { chunk?: unknown } | undefined)?.chunk ?? first;
  const text = chunk instanceof Uint8Array ? String.fromCharCode(...chunk.subarray(0, LONGEST)) : chunk;
  const [, status] = (typeof text === 'string' && STATUS.exec(text)) || [];
  return Number(status ?? 0);
}

const STATUS = /^HTTP\/1\.\d (\d{3})/;
const LONGEST = 'HTTP/1.1 101'.length;
