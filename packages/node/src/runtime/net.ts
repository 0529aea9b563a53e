// Behind these: the channel net.server.socket, and the methods `connect` and `_destroy` of net.Socket, for there is no channel
// that tells of all connections of a client, and none that tells of an end.
import type { Socket } from 'node:net';
import { int32, type Provider, string, uint64 } from 'sonde';
import { whileTraced } from '../presence.js';
import { subscriptions, together } from './channels.js';
import { now, since } from './clock.js';
import { type Connection, connectionOf, transport } from './connection.js';
import { guarded } from './guard.js';
import { idOf } from './identity.js';
import { around } from './methods.js';

const connection = [uint64('connection'), string('address'), int32('port'), int32('fd')] as const;

export const netProbes = {
  netServerConnection: [...connection, string('localAddress'), int32('localPort')],
  netStreamEnd: [...connection, uint64('bytesIn'), uint64('bytesOut'), uint64('ns')],
  netClientConnect: [...connection, uint64('ns'), int32('localPort'), string('host')],
  netClientError: [uint64('connection'), string('host'), int32('port'), string('code'), uint64('ns')],
} as const;

/** What is remembered of a connection: at its end, the system may no longer tell who the other end was. */
interface Known {
  began: bigint;
  connection?: Connection;
  /** Until it is connected: to where. */
  target?: { host: string; port: number } | undefined;
}

export function watchNet(node: Provider<typeof netProbes>): void {
  const known = new WeakMap<Socket, Known>();
  /** What waits for sockets' `connect`: taken back where that does not come, for a program may try again with the same socket. */
  const waiting = new Map<Socket, () => void>();
  const sockets = () => process.getBuiltinModule('node:net').Socket.prototype;

  const accepted = guarded(({ socket }: { socket: Socket }) => {
    const connection = connectionOf(socket);
    known.set(socket, { began: now(), connection });
    const { id, address, port, fd } = connection;
    node.netServerConnection.fire(id, address, port, fd, socket.localAddress ?? '', socket.localPort ?? 0);
  });

  const connecting = guarded((socket: Socket, args: unknown[]) => {
    stopWaiting(socket);
    const entry: Known = { began: now(), target: targetOf(args) };
    known.set(socket, entry);
    const connected = guarded(() => {
      stopWaiting(socket);
      if (!entry.target) return;
      const { host, port: targetPort } = entry.target;
      entry.target = undefined;
      const { id, fd, ...end } = connectionOf(socket);
      // A Unix domain socket has a path, and no address.
      const { address, port } = end.address ? end : { address: host, port: targetPort };
      entry.connection = { id, address, port, fd };
      node.netClientConnect.fire(id, address, port, fd, since(entry.began), socket.localPort ?? 0, host);
    });
    waiting.set(socket, connected);
    socket.prependListener('connect', connected);
  });
  const stopWaiting = guarded((socket: Socket) => {
    const connected = waiting.get(socket);
    if (!connected) return;
    waiting.delete(socket);
    socket.removeListener('connect', connected);
  });

  const ending = guarded((socket: Socket, [error]: unknown[]) => {
    // TLS of a server: the socket below it ends too.
    if (transport(socket) !== socket) return;
    const entry = known.get(socket);
    known.delete(socket);
    stopWaiting(socket);
    if (entry?.target) {
      const { host, port } = entry.target;
      const code = String((error as { code?: unknown } | undefined)?.code ?? 'ABORTED');
      node.netClientError.fire(idOf(socket), host, port, code, since(entry.began));
    } else if (node.netStreamEnd.enabled) {
      const { id, address, port, fd } = entry?.connection ?? connectionOf(socket);
      node.netStreamEnd.fire(id, address, port, fd, socket.bytesRead, socket.bytesWritten, since(entry?.began));
    }
  });

  const behind = together(
    subscriptions({ 'net.server.socket': accepted }),
    around(sockets, 'connect', (call, socket, args) => {
      connecting(socket, args);
      try {
        return call();
      } catch (error) {
        stopWaiting(socket);
        throw error;
      }
    }),
    around(sockets, '_destroy', (call, socket, args) => {
      ending(socket, args);
      return call();
    }),
  );
  whileTraced(
    [node.netServerConnection, node.netStreamEnd, node.netClientConnect, node.netClientError],
    behind.on,
    () => {
      behind.off();
      for (const socket of waiting.keys()) stopWaiting(socket);
    },
  );
}

/** Of what `connect` takes: (options), (path), (port, host), each with a listener, or Node.js's own list of them. */
function targetOf(args: unknown[]): { host: string; port: number } {
  const [first, second] = (Array.isArray(args[0]) ? args[0] : args) as unknown[];
  if (typeof first === 'object' && first !== null) {
    const { path, host, port } = first as { path?: string; host?: string; port?: number | string };
    if (path) return { host: path, port: 0 };
    return { host: host || 'localhost', port: Number(port) || 0 };
  }
  if (typeof first === 'string' && !/^\d+$/.test(first)) return { host: first, port: 0 };
  return { host: typeof second === 'string' ? second : 'localhost', port: Number(first) || 0 };
}
