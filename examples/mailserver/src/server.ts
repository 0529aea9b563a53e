// A mail server with probes: it receives mail by SMTP on loopback and puts each into a mailbox in
// LevelDB, one for every recipient. Nothing in it is there for a demonstration; to see it at work,
// trace it.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ClassicLevel } from 'classic-level';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { status } from 'sonde';
import { isMain, readOptions, wholeNumber } from './command-line.js';
import { smtp } from './probes.js';
import type { Quota } from './quota.js';

const LARGEST_MAIL = 10 * 2 ** 20;

interface Policy {
  /** Mails are compressed on their way in. */
  compress?: true;
  /**
   * Mails must be on the disk, not only in the system's cache, before the sender hears that all is
   * well.
   */
  durable?: true;
}

/** What is special about the mailboxes of some domains. All others take mail as it comes. */
const POLICIES = new Map<string, Policy>([
  ['archive.example', { compress: true }],
  ['bank.example', { durable: true }],
]);

export interface MailServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Starts to listen on 127.0.0.1.
 *
 * @param options.port 0 for any that is free
 * @param options.store the database's folder, made if need be; the keys in it are
 * `<recipient>/<id>`
 * @param options.quota what limits mailboxes; nothing does without it
 */
export async function startServer({
  port,
  store,
  quota,
}: {
  port: number;
  store: string;
  quota?: Quota;
}): Promise<MailServer> {
  const database = new ClassicLevel<string, Buffer>(store, { valueEncoding: 'buffer' });
  await database.open();

  /** What the clients that are connected have sent so far. */
  const received = new Map<string, { bytes: number; mails: number }>();

  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    size: LARGEST_MAIL,
    closeTimeout: 1000,
    logger: false,
    onConnect(session, accept) {
      received.set(session.id, { bytes: 0, mails: 0 });
      smtp.sessionStart.fire(session.remoteAddress, session.remotePort);
      accept();
    },
    onRcptTo({ address }, _session, accept) {
      // Finding the domain costs something: the function is called only while a tracer looks.
      smtp.recipient.fireWith(() => [address, domainOf(address)]);
      accept();
    },
    onData(stream, session, answer) {
      receive(stream, session).then(
        (id) => answer(null, `delivered as ${id}`),
        (error) => answer(error),
      );
    },
    onClose(session) {
      const { bytes, mails } = received.get(session.id) ?? { bytes: 0, mails: 0 };
      received.delete(session.id);
      smtp.sessionDone.fire(session.remoteAddress, session.remotePort, bytes, mails);
    },
  });

  async function receive(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string> {
    const mail = await buffer(stream);
    if (stream.sizeExceeded) throw smtpError(552, `mails of more than ${LARGEST_MAIL} bytes are not taken`);
    const total = received.get(session.id);
    if (total) {
      total.bytes += mail.length;
      total.mails += 1;
    }
    const id = randomUUID();
    const full = session.envelope.rcptTo.find(({ address }) => quota?.take(address, id, mail.length) === false);
    if (full) throw smtpError(552, `the mailbox of ${full.address} is full`);
    try {
      await Promise.all(session.envelope.rcptTo.map(({ address }) => deliver(address, id, mail)));
    } catch (error) {
      console.error(error);
      throw smtpError(451, 'delivery failed, try again later');
    }
    return id;
  }

  /**
   * The operation's `done` probe is told the domain, so that a tracer can tell domains apart
   * without remembering ids.
   */
  async function deliver(recipient: string, id: string, mail: Buffer): Promise<number> {
    const domain = domainOf(recipient);
    return smtp.delivery.run(
      [recipient, domain],
      async () => {
        const { compress, durable } = POLICIES.get(domain) ?? {};
        const copy = Buffer.concat([Buffer.from(`Delivered-To: ${recipient}\r\n`), mail]);
        return write(`${recipient}/${id}`, compress ? await promisify(gzip)(copy) : copy, durable === true);
      },
      (bytes) => [domain, bytes],
    );
  }

  async function write(key: string, value: Buffer, sync: boolean): Promise<number> {
    smtp.put.fire(key);
    await smtp.store.run([key, value.length], () => database.put(key, value, { sync }));
    return value.length;
  }

  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  } catch (error) {
    await database.close();
    throw error;
  }
  // From now on: what goes wrong with one client is nothing to the others.
  server.on('error', (error) => console.error(error.message));
  return {
    port: (server.server.address() as AddressInfo).port,
    async close() {
      await new Promise<void>((resolve) => server.close(resolve));
      await database.close();
    },
  };
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase();
}

function smtpError(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

const HELP = `A mail server with probes. Receives mail on 127.0.0.1 and stores it in LevelDB.

  node dist/server.js [--port 2525] [--store FOLDER]

  --port N        where to listen; 0 for any free port (default 2525)
  --store FOLDER  where the database is (default: a temporary folder, removed at the end)
  --help          this text

Ends with Ctrl-C.
`;

async function main(): Promise<void> {
  const options = readOptions(
    HELP,
    { port: { type: 'string', default: '2525' }, store: { type: 'string' } },
    (values) => ({ port: wholeNumber('port', values.port, 0, 65_535), store: values.store }),
  );
  const store = options.store ?? (await mkdtemp(join(tmpdir(), 'mail-')));
  let server: MailServer | undefined;
  const end = async (exitCode: number) => {
    await server?.close();
    if (options.store === undefined) await rm(store, { recursive: true, force: true });
    process.exit(exitCode);
  };
  process.once('SIGINT', () => end(0));
  process.once('SIGTERM', () => end(0));

  try {
    server = await startServer({ port: options.port, store });
  } catch (error) {
    const { message, cause } = error as Error;
    console.error(`the server cannot start: ${cause instanceof Error ? cause.message : message}`);
    return end(1);
  }
  console.log(`mail server: process ${process.pid}, smtp://127.0.0.1:${server.port}, database in ${store}`);
  const { backend, reason, providers } = status();
  // There may be others: of what the process was started with.
  const provider = providers.find(({ name }) => name === 'smtp');
  // With DTrace they are in no file: one of them tells how all are named.
  const where = provider?.location ?? provider?.probes[0]?.tracer;
  console.log(`probes: ${where || `none (${provider?.reason ?? reason ?? backend})`}`);
}

if (isMain(import.meta.url)) await main();
