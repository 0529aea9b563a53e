// A debugger, as far as tests need one: it connects to the inspector's port by WebSocket, and keeps
// what it is told.
import { once } from 'node:events';
import { request } from 'node:http';
import type { Socket } from 'node:net';

const TEXT = 0x81;
const MASKED = 0x80;

export class Debugger {
  private readonly socket: Socket;
  private received = Buffer.alloc(0);
  private sent = 0;
  /** Names of what it was told without having asked. */
  readonly events: string[] = [];

  private constructor(socket: Socket, head: Buffer) {
    this.socket = socket;
    socket.on('data', (data) => this.read(data)).on('error', () => {});
    this.read(head);
  }

  /** @param url what Node.js writes: ws://127.0.0.1:9229/… */
  static async connect(url: string): Promise<Debugger> {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
      'sec-websocket-version': '13',
    };
    const asking = request(url.replace(/^ws/, 'http'), { headers }).end();
    const [, socket, head] = (await once(asking, 'upgrade')) as [unknown, Socket, Buffer];
    return new Debugger(socket, head);
  }

  /** Asks for something short. */
  send(method: string): void {
    const text = Buffer.from(JSON.stringify({ id: ++this.sent, method }));
    // The mask is all zeros: it changes nothing.
    this.socket.write(Buffer.concat([Buffer.of(TEXT, MASKED | text.length, 0, 0, 0, 0), text]));
  }

  close(): void {
    this.socket.destroy();
  }

  /** Frames of a server have no mask. */
  private read(data: Buffer): void {
    this.received = Buffer.concat([this.received, data]);
    while (this.received.length >= 2) {
      const short = this.received[1]!;
      const start = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (this.received.length < start) return;
      const length =
        short < 126 ? short : short === 126 ? this.received.readUInt16BE(2) : Number(this.received.readBigUInt64BE(2));
      if (this.received.length < start + length) return;
      const { method } = JSON.parse(this.received.toString('utf8', start, start + length));
      if (method !== undefined) this.events.push(method);
      this.received = this.received.subarray(start + length);
    }
  }
}
