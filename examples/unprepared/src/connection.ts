import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface, type Interface } from 'node:readline';

/** What the database is asked for. It does nothing twice: a mail that is there already stays. */
export type Request =
  | { action: 'find'; mailbox: string }
  | { action: 'deliver'; mailbox: string; id: string; mail: string };

/** What the database has done. */
export type Answer = { mails: number } | { error: string };

/** So long the database may take. It usually answers within a few milliseconds. */
const PATIENCE_MS = 250;
const ATTEMPTS = 5;

/** What all connections did. */
export const counts = { transactions: 0, reconnections: 0 };

/** A connection to the thread of the database: one for each SMTP session. */
export class Connection {
  private readonly path: string;
  private socket: Socket | undefined;
  private answers: Interface | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** If the database does not answer in time, the transaction is done again over a new connection. */
  async transaction(request: Request): Promise<Answer> {
    counts.transactions++;
    if (!this.socket) this.open();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.ask(request);
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        this.reconnect();
      }
    }
  }

  reconnect(): void {
    counts.reconnections++;
    this.close();
    this.open();
  }

  close(): void {
    this.answers?.close();
    this.socket?.destroy();
  }

  private open(): void {
    this.socket = connect(this.path);
    this.answers = createInterface(this.socket);
    // Who waits for an answer hears of it.
    this.socket.on('error', () => {});
    this.answers.on('error', () => {});
  }

  private async ask(request: Request): Promise<Answer> {
    const answer = once(this.answers!, 'line', { signal: AbortSignal.timeout(PATIENCE_MS) });
    this.socket!.write(`${JSON.stringify(request)}\n`);
    const [line] = await answer;
    return JSON.parse(line);
  }
}
