// A server of WebSockets that echoes, and a client.
import { once } from 'node:events';
import { fetched, listenersOf, type Seen, type Untyped } from './seen.js';

const { WebSocket, WebSocketServer } = fetched('ws');

export async function run(): Promise<Seen> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket: Untyped) =>
    socket.on('message', (data: Buffer, binary: boolean) => socket.send(data, { binary })),
  );
  const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
  await once(client, 'open');
  const echoed: string[] = [];
  for (const message of ['text', 'x'.repeat(100_000), Buffer.from([1, 2, 3])]) {
    client.send(message);
    const [data, binary] = await once(client, 'message');
    echoed.push(`${binary} ${data.length} ${data.toString('latin1', 0, 10)}`);
  }
  const listeners = [
    listenersOf(client),
    listenersOf(client._socket),
    listenersOf(server),
    ...[...server.clients].map((each: Untyped) => listenersOf(each._socket)),
  ];
  client.close(1000, 'done');
  const [code, reason] = await once(client, 'close');
  server.close();
  await once(server, 'close');
  return { results: { echoed, closed: [code, String(reason)] }, listeners };
}
