// A mail server: it receives mail by SMTP on loopback, and its database is in another thread.
//
//   node dist/server.js FOLDER       FOLDER has the database
//
// SIGUSR2 has it print what it did until then. It ends with SIGTERM.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { dirname, extname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Worker } from 'node:worker_threads';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { type Answer, Connection, counts, type Request } from './connection.js';

class MailServer {
  mails = 0;
  private readonly path: string;
  private readonly connections = new Map<string, Connection>();
  private readonly server: SMTPServer;

  constructor(path: string) {
    this.path = path;
    this.server = new SMTPServer({
      disabledCommands: ['AUTH', 'STARTTLS'],
      disableReverseLookup: true,
      logger: false,
      onRcptTo: ({ address }, session, answer) => {
        this.ask(session, { action: 'find', mailbox: address }).then(() => answer(), answer);
      },
      onData: (stream, session, answer) => {
        this.receive(stream, session).then((id) => answer(null, `delivered as ${id}`), answer);
      },
      onClose: ({ id }) => {
        this.connections.get(id)?.close();
        this.connections.delete(id);
      },
    });
    // What goes wrong with one client is nothing to the others.
    this.server.on('error', (error) => console.error(error.message));
  }

  async listen(): Promise<number> {
    const listener = this.server.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return (listener.address() as AddressInfo).port;
  }

  /** An SMTP transaction: from the mail's first byte until it is in all mailboxes. */
  private async receive(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string> {
    const mail = await text(stream);
    const id = randomUUID();
    for (const { address } of session.envelope.rcptTo) {
      await this.ask(session, { action: 'deliver', mailbox: address, id, mail });
    }
    this.mails++;
    return id;
  }

  private async ask(session: SMTPServerSession, request: Request): Promise<Answer> {
    let connection = this.connections.get(session.id);
    if (!connection) {
      connection = new Connection(this.path);
      this.connections.set(session.id, connection);
    }
    const answer = await connection.transaction(request);
    if ('error' in answer) throw new Error(answer.error);
    return answer;
  }
}

async function main(): Promise<void> {
  const [program, folder] = process.argv.slice(1) as [string, string];
  const path = join(folder, 'socket');
  // The same source is compiled to ES modules and to CommonJS.
  const database = new Worker(join(dirname(program), `database${extname(program)}`), {
    workerData: { folder: join(folder, 'database'), path },
  });
  await once(database, 'message');
  const server = new MailServer(path);
  process.on('SIGUSR2', () => console.log(JSON.stringify({ mails: server.mails, ...counts })));
  process.on('SIGTERM', () => process.exit());
  console.log(`mail server: process ${process.pid}, smtp://127.0.0.1:${await server.listen()}`);
}

void main();
