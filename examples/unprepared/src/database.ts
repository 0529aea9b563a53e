// The thread of the database: it is asked over a socket, by one connection for each SMTP session.
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { ClassicLevel } from 'classic-level';
import type { Answer, Request } from './connection.js';

/** Every so often the database is slow: it pauses, as on a disk that is busy. */
const REQUESTS_BETWEEN_PAUSES = 100;
const PAUSE_MS = 400;
/** So many mails before a mail are in its header. */
const MOST_REFERENCES = 8;

interface Mailbox {
  mails: number;
  last?: string;
}

class Store {
  private readonly level: ClassicLevel<string, string>;

  /** The caches are as small as the machine: what is a little older is read from the disk. */
  constructor(folder: string) {
    this.level = new ClassicLevel(folder, { cacheSize: 64 * 2 ** 10, writeBufferSize: 2 ** 20 });
  }

  open(): Promise<void> {
    return this.level.open();
  }

  find(name: string): Mailbox {
    return JSON.parse(this.load(`mailbox/${name}`) ?? '{"mails":0}');
  }

  /** The mail, and the mailbox that knows it, are on the disk together or not at all. */
  async deliver(name: string, id: string, mail: string): Promise<Mailbox> {
    const mailbox = this.find(name);
    if (this.load(`mail/${name}/${id}`) !== undefined) return mailbox;
    const header = `X-References: ${this.references(name, mailbox).join(' ')}\r\n`;
    const after = { mails: mailbox.mails + 1, last: id };
    await this.level.batch(
      [
        { type: 'put', key: `mail/${name}/${id}`, value: `${header}${mail}` },
        { type: 'put', key: `mailbox/${name}`, value: JSON.stringify(after) },
      ],
      { sync: true },
    );
    return after;
  }

  /** The mails before, the latest first, as far as they are still there. */
  private references(name: string, { last }: Mailbox): string[] {
    const ids: string[] = [];
    for (let id = last; id && ids.length < MOST_REFERENCES; ) {
      const mail = this.load(`mail/${name}/${id}`);
      if (mail === undefined) break;
      ids.push(id);
      id = /^X-References: (\S+)/.exec(mail)?.[1];
    }
    return ids;
  }

  private load(key: string): string | undefined {
    return this.level.getSync(key);
  }
}

const { folder, path } = workerData as { folder: string; path: string };
const store = new Store(folder);
/** Mails for the same mailbox come one after the other. */
const busy = new Map<string, Promise<unknown>>();
let requests = 0;

async function serve(socket: Socket): Promise<void> {
  for await (const line of createInterface(socket)) {
    const request = JSON.parse(line) as Request;
    if (++requests % REQUESTS_BETWEEN_PAUSES === 0) await setTimeout(PAUSE_MS);
    const answer = await inTurn(request).catch((error): Answer => ({ error: error.message }));
    socket.write(`${JSON.stringify(answer)}\n`);
  }
}

async function inTurn(request: Request): Promise<Answer> {
  const turn = Promise.resolve(busy.get(request.mailbox)).then(() => handle(request));
  busy.set(
    request.mailbox,
    turn.catch(() => {}),
  );
  return turn;
}

async function handle(request: Request): Promise<Answer> {
  if (request.action === 'find') return { mails: store.find(request.mailbox).mails };
  const { mails } = await store.deliver(request.mailbox, request.id, request.mail);
  return { mails };
}

// Who has closed the connection asks again over another one.
const server = createServer((socket) => serve(socket.on('error', () => {})).catch(() => {}));
store.open().then(() => server.listen(path, () => parentPort!.postMessage('ready')));
