import type { Socket } from 'node:net';
import { idOf } from './identity.js';

/** What tracers see of a connection. */
export interface Connection extends End {
  /** The same for everything on it. */
  id: number;
  /** The file descriptor, or -1 where there is none. */
  fd: number;
}

/** One end of a connection. */
export interface End {
  /**
   * An IP address, or nothing; for a client, what it connects to: the path of a Unix domain socket,
   * a name.
   */
  address: string;
  port: number;
}

/** Node.js's own fields, which it has had since long before version 20. */
interface Internals {
  _handle?: Handle | null;
  _parent?: Socket | null;
}

interface Handle {
  fd?: unknown;
  getpeername?(out: Partial<End>): number;
  getsockname?(out: Partial<End>): number;
}

const NOTHING: Connection = { id: 0, address: '', port: 0, fd: -1 };

/** The other ends of connections. */
const peers = new WeakMap<Socket, End>();

export function connectionOf(socket: Socket | null | undefined): Connection {
  if (!socket) return NOTHING;
  const under = transport(socket);
  const fd = (under as Internals)._handle?.fd;
  const { address, port } = peerOf(under);
  return { id: idOf(under), address, port, fd: typeof fd === 'number' ? fd : -1 };
}

/** Below TLS of a server there is another socket, and that is the connection. */
export function transport(socket: Socket): Socket {
  return (socket as Internals)._parent ?? socket;
}

/** This end, while there is one. */
export function localEnd(socket: Socket): End {
  return endOf(socket, 'getsockname');
}

function peerOf(socket: Socket): End {
  const known = peers.get(socket);
  if (known) return known;
  const end = endOf(socket, 'getpeername');
  if (end.address) peers.set(socket, end);
  return end;
}

/**
 * Asked of the system, and not by the socket's `remoteAddress`: that remembers what it was asked
 * once, so that a program which asks when the connection is gone would have an answer that it has
 * not got otherwise.
 */
function endOf(socket: Socket, name: 'getpeername' | 'getsockname'): End {
  const end: Partial<End> = {};
  // The system may have one before Node.js knows that it is connected.
  if (!socket.connecting) (socket as Internals)._handle?.[name]?.(end);
  return { address: end.address ?? '', port: end.port ?? 0 };
}
