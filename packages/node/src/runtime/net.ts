// Behind these: the channel net.server.socket, and methods of net.Socket, for there is no channel
// that tells of all connections of a client, and none that tells of an end. `connect` begins,
// `_destroy` ends; and once a socket is connected, Node.js begins its time anew (`_unrefTimer`)
// before it emits anything: a listener of ours would be among the program's.
import type { Socket } from 'node:net';
import type { Provider } from 'sonde';
import type { netProbes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { subscriptions, together } from './channels.js';
import { now, since } from './clock.js';
import { type Connection, connectionOf, localEnd, transport } from './connection.js';
import { idOf } from './identity.js';
import { around } from './methods.js';

/**
 * What is remembered of a connection: at its end, the system may no longer tell who the other end
 * was.
 */
interface Known {
  began: bigint;
  connection?: Connection;
  /** Until it is connected: to where. */
  target?: { host: string; port: number } | undefined;
  /** `connect` runs: nothing of it is done before that returns. */
  starts?: boolean;
}

export function watchNet(node: Provider<typeof netProbes>): void {
  const known = new WeakMap<Socket, Known>();

  const accepted = ({ socket }: { socket: Socket }) => {
    const connection = connectionOf(socket);
    known.set(socket, { began: now(), connection });
    if (!node.netServerConnection.enabled) return;
    const { id, address, port, fd } = connection;
    const local = localEnd(socket);
    node.netServerConnection.fire(id, address, port, fd, local.address, local.port);
  };

  const connecting = (socket: Socket, args: unknown[]) => {
    const entry: Known = { began: now(), target: targetOf(args), starts: true };
    known.set(socket, entry);
    return (result: unknown) => {
      entry.starts = false;
      return result;
    };
  };

  const connected = (socket: Socket) => {
    const entry = known.get(socket);
    if (!entry?.target || entry.starts || socket.connecting) return;
    const { host, port: targetPort } = entry.target;
    entry.target = undefined;
    const { id, fd, ...end } = connectionOf(socket);
    // A Unix domain socket has a path, and no address.
    const { address, port } = end.address ? end : { address: host, port: targetPort };
    entry.connection = { id, address, port, fd };
    node.netClientConnect.fire(id, address, port, fd, since(entry.began), localEnd(socket).port, host);
  };

  const ending = (socket: Socket, [error]: unknown[]) => {
    // TLS of a server: the socket below it ends too.
    if (transport(socket) !== socket) return;
    const entry = known.get(socket);
    known.delete(socket);
    if (entry?.target) {
      const { host, port } = entry.target;
      const code = String((error as { code?: unknown } | undefined)?.code ?? 'ABORTED');
      node.netClientError.fire(idOf(socket), host, port, code, since(entry.began));
    } else if (node.netStreamEnd.enabled) {
      const { id, address, port, fd } = entry?.connection ?? connectionOf(socket);
      node.netStreamEnd.fire(id, address, port, fd, socket.bytesRead, socket.bytesWritten, since(entry?.began));
    }
  };

  const sockets = () => process.getBuiltinModule('node:net').Socket.prototype;
  const { on, off } = together(
    subscriptions({ 'net.server.socket': accepted }),
    around(sockets, 'connect', connecting),
    around(sockets, '_unrefTimer', (socket) => {
      connected(socket);
      return undefined;
    }),
    around(sockets, '_destroy', (socket, args) => {
      ending(socket, args);
      return undefined;
    }),
  );
  whileTraced([node.netServerConnection, node.netStreamEnd, node.netClientConnect, node.netClientError], on, off);
}
/**
 * Of what `connect` takes: (options), (path), (port, host), each with a listener, or Node.js's own
 * list of them.
 */
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
