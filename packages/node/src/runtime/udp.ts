// Behind these are the methods `send` of dgram.Socket, and its `emit`, which it hands each message
// to: there is a channel for a socket's beginning only.
import type { RemoteInfo, Socket } from 'node:dgram';
import type { Provider } from 'sonde';
import type { udpProbes } from '../probes.js';
import { whileTraced } from '../while-traced.js';
import { subscriptions, together } from './channels.js';
import { idOf } from './identity.js';
import { around } from './methods.js';

export function watchUdp(node: Provider<typeof udpProbes>): void {
  const sockets = () => process.getBuiltinModule('node:dgram').Socket.prototype;
  const sending = (socket: Socket, args: unknown[]) => {
    if (!node.udpSend.enabled) return;
    // Node.js binds it first, and then calls the method once more.
    const { bindState = BOUND } = stateOf(socket) ?? {};
    if (bindState !== BOUND) return;
    const { bytes, address, port } = sent(socket, args);
    node.udpSend.fire(idOf(socket), address, port, bytes);
  };
  const receiving = (socket: Socket, [event, message, from]: unknown[]) => {
    if (event !== 'message') return;
    const { address, port } = from as RemoteInfo;
    node.udpReceive.fire(idOf(socket), address, port, (message as Uint8Array).length);
  };
  const { on, off } = together(
    subscriptions({
      'udp.socket': ({ socket }: { socket: Socket & { type: string } }) =>
        node.udpSocket.fire(idOf(socket), socket.type),
    }),
    around(sockets, 'send', (socket, args) => {
      sending(socket, args);
      return undefined;
    }),
    around(sockets, 'emit', (socket, args) => {
      receiving(socket, args);
      return undefined;
    }),
  );
  whileTraced([node.udpSocket, node.udpSend, node.udpReceive], on, off);
}

/**
 * Of send(message[, offset, length][, port[, address]][, callback]): as documented, with numbers
 * for offset and length, and then a port, or none.
 */
function sent(socket: Socket, args: unknown[]): { bytes: number; address: string; port: number } {
  const [message, ...rest] = args.filter((arg) => typeof arg !== 'function');
  // A connected socket has its port already, so that two numbers are an offset and a length.
  const other = connectedTo(socket);
  const hasRange = other
    ? rest.length >= 2
    : typeof rest[0] === 'number' && typeof rest[1] === 'number' && rest.length >= 3;
  const [port, address] = hasRange ? rest.slice(2) : rest;
  return {
    bytes: hasRange ? Number(rest[1]) : lengthOf(message),
    address: other?.address ?? (typeof address === 'string' && address ? address : 'localhost'),
    port: other?.port ?? Number(port),
  };
}

function lengthOf(message: unknown): number {
  if (Array.isArray(message)) return message.reduce((sum: number, part) => sum + lengthOf(part), 0);
  return typeof message === 'string' ? Buffer.byteLength(message) : (message as ArrayBufferView).byteLength;
}

function connectedTo(socket: Socket): { address: string; port: number } | undefined {
  // To ask a socket that is not connected would throw, and be seen by who watches exceptions.
  return stateOf(socket)?.connectState === CONNECTED ? socket.remoteAddress() : undefined;
}

/** Node.js's own, of lib/dgram.js: since version 11 the same. */
interface State {
  bindState: number;
  connectState: number;
}
const BOUND = 2;
const CONNECTED = 2;

let state: symbol | undefined;

function stateOf(socket: Socket): State | undefined {
  state ??= Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  return state && (socket as unknown as Record<symbol, State>)[state];
}
