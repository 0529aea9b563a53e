// The mail server of the examples, its own client, and what it has in its database.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { REGISTER } from './runtime-program.js';
import type { Scene } from './scene.js';
import { run } from './tracer.js';

const EXAMPLE = fileURLToPath(new URL('../../../examples/mailserver/', import.meta.url));
const SERVER = `${EXAMPLE}dist/server.js`;

const IN_WORKER = fileURLToPath(new URL('../fixtures/in-worker.js', import.meta.url));

/** A mail in a mailbox. */
export interface Stored {
  recipient: string;
  /** Of the mail: copies have the same. */
  id: string;
  /** As it is in the database. */
  bytes: number;
  /** As it came. */
  received: number;
}

interface Client {
  sendTraffic(traffic: { port: number; sessions: number; mails: number; pauseMs: number }): Promise<void>;
}

export interface MailServerOptions {
  environment?: Record<string, string>;
  through?: readonly string[];
  isWorker?: boolean;
}

export class MailServer {
  /** Its database's folder. */
  readonly store: string;
  port = 0;
  private readonly child: ChildProcess;
  private readonly exit: Promise<unknown>;

  private constructor(store: string, { environment, through = [], isWorker }: MailServerOptions) {
    this.store = store;
    const program = isWorker ? [IN_WORKER, SERVER] : [SERVER];
    const [command, ...args] = [...through, process.execPath, '--import', REGISTER, ...program];
    this.child = spawn(command!, [...args, '--port=0', `--store=${store}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: EXAMPLE,
      env: { ...process.env, SONDE_BACKEND: 'systemtap', SONDE_REQUIRE: '1', ...environment },
    });
    this.exit = once(this.child, 'exit');
  }

  static async start(scene: Scene, store: string, options: MailServerOptions = {}): Promise<MailServer> {
    const server = new MailServer(store, options);
    scene.defer(() => server.kill());
    for await (const line of createInterface(server.child.stdout!)) {
      server.port ||= Number(/smtp:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1] ?? 0);
      if (line.startsWith('probes: ')) return server;
    }
    throw new Error(`the mail server ${store} did not start`);
  }

  /** Has the example's client send mails, in so many sessions. Rejects if one is refused. */
  async deliver(sessions: number, mails: number): Promise<void> {
    const { sendTraffic } = (await import(`${EXAMPLE}dist/client.js`)) as Client;
    await sendTraffic({ port: this.port, sessions, mails, pauseMs: 0 });
  }

  /** Delivers one mail to this address, in a session of its own. */
  async deliverOne(recipient: string): Promise<void> {
    const lines = ['EHLO test', 'MAIL FROM:<a@example.com>', `RCPT TO:<${recipient}>`, 'DATA', 'x\r\n.', 'QUIT'];
    const socket = connect(this.port, '127.0.0.1');
    for await (const line of createInterface(socket)) {
      // "250-" is followed by more of the same answer.
      if (line[3] !== '-') socket.write(`${lines.shift() ?? ''}\r\n`);
    }
  }

  /**
   * Ends it as people do: the database is closed.
   *
   * @param pid of the server, which is another one than that of what runs it, if something does
   */
  async end(pid: number): Promise<void> {
    process.kill(pid, 'SIGTERM');
    await this.exit;
  }

  /** However it was started. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
  }
}

/** What lies in databases, in their order. Servers may have them open, which write nothing meanwhile. */
export async function readStores(stores: readonly string[]): Promise<Stored[][]> {
  const script = `
    import { cp, mkdtemp, rm } from 'node:fs/promises';
    import { tmpdir } from 'node:os';
    import { join } from 'node:path';
    import { gunzipSync } from 'node:zlib';
    import { ClassicLevel } from 'classic-level';
    const all = [];
    for (const store of process.argv.slice(1)) {
      const copy = await mkdtemp(join(tmpdir(), 'sonde-test-'));
      await cp(store, copy, { recursive: true });
      const database = new ClassicLevel(copy, { valueEncoding: 'buffer', createIfMissing: false });
      const mails = [];
      for await (const [key, value] of database.iterator()) {
        const [recipient, id] = key.split('/');
        const text = value[0] === 0x1f ? gunzipSync(value) : value;
        mails.push({ recipient, id, bytes: value.length, received: text.length - text.indexOf('\\n') - 1 });
      }
      await database.close();
      await rm(copy, { recursive: true });
      all.push(mails);
    }
    console.log(JSON.stringify(all));`;
  const node = [process.execPath, '--input-type=module', '-e', script, ...stores];
  return JSON.parse(await run('sh', ['-c', 'cd "$0" && exec "$@"', EXAMPLE, ...node]));
}
