import type { Socket } from 'node:net';
import { idOf } from './identity.js';

/** What tracers see of a connection. */
export interface Connection {
  /** The same for everything on it. */
  id: number;
  /** The other end: an IP address, or nothing; for a client, what it connects to: the path of a Unix domain socket, a name. */
  address: string;
  port: number;
  /** The file descriptor, or -1 where there is none. */
  fd: number;
}

/** Node.js's own fields, which it has had since long before version 20. */
interface Internals {
  _handle?: { fd?: unknown } | null;
  _parent?: Socket | null;
}

const NOTHING: Connection = { id: 0, address: '', port: 0, fd: -1 };

export function connectionOf(socket: Socket | null | undefined): Connection {
  if (!socket) return NOTHING;
  const under = transport(socket);
  const fd = (under as Internals)._handle?.fd;
  return {
    id: idOf(under),
    address: under.remoteAddress ?? '',
    port: under.remotePort ?? 0,
    fd: typeof fd === 'number' ? fd : -1,
  };
}

/** Below TLS of a server there is another socket, and that is the connection. */
export function transport(socket: Socket): Socket {
  return (socket as Internals)._parent ?? socket;
}
