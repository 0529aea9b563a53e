import type { Socket } from 'node:net';
import { idOf } from './identity.js';

/** What tracers see of a connection. */
export interface Connection {
  /** The same for everything on it. */
  id: number;
  /** The other end: an IP address. */
  address: string;
  port: number;
  /** The file descriptor, or -1: TLS's own sockets have none. */
  fd: number;
}

export function connectionOf(socket: Socket | null | undefined): Connection {
  const { remoteAddress = '', remotePort = 0 } = socket ?? {};
  return { id: idOf(socket), address: remoteAddress, port: remotePort, fd: descriptor(socket) };
}

function descriptor(socket: unknown): number {
  const fd = (socket as { _handle?: { fd?: unknown } } | undefined)?._handle?.fd;
  return typeof fd === 'number' ? fd : -1;
}
