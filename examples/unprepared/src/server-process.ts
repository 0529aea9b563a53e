// The mail server as a process of its own, started as people start it, and mail for it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sendTraffic, TEXTS } from '@sonde/example-mailserver/client';
import { ClassicLevel } from 'classic-level';
import { buildSync } from 'esbuild';

export type Format = 'module' | 'commonjs';

/** By the server's own account. */
export interface Counts {
  mails: number;
  transactions: number;
  reconnections: number;
}

const SOURCES = ['server', 'database'].map((name) => fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url)));
const COMMONJS = fileURLToPath(new URL('./commonjs', import.meta.url));

export class ServerProcess {
  readonly port: number;
  private readonly child: ChildProcess;
  private readonly lines: Interface;
  private readonly folder: string;

  private constructor(child: ChildProcess, lines: Interface, folder: string, port: number) {
    this.child = child;
    this.lines = lines;
    this.folder = folder;
    this.port = port;
  }

  /** @param options of Node.js */
  static async start(format: Format, options: readonly string[] = []): Promise<ServerProcess> {
    if (format === 'commonjs') makeCommonJs();
    const file =
      format === 'commonjs' ? `${COMMONJS}/server.cjs` : fileURLToPath(new URL('./server.js', import.meta.url));
    const folder = await mkdtemp(join(tmpdir(), 'mail-'));
    const child = spawn(process.execPath, [...options, file, folder], { stdio: ['ignore', 'pipe', 'ignore'] });
    const lines = createInterface(child.stdout);
    const [line] = await once(lines, 'line');
    return new ServerProcess(child, lines, folder, Number(/:(\d+)$/.exec(line)![1]));
  }

  get pid(): number {
    return this.child.pid!;
  }

  async counts(): Promise<Counts> {
    const answer = once(this.lines, 'line');
    this.child.kill('SIGUSR2');
    const [line] = await answer;
    return JSON.parse(line);
  }

  /** Ports on which it listens. */
  async listens(): Promise<number[]> {
    const own = new Set<string>();
    for (const name of await readdir(`/proc/${this.pid}/fd`)) {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/${this.pid}/fd/${name}`).catch(() => '')) ?? [];
      if (inode !== undefined) own.add(inode);
    }
    const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/${this.pid}/net/${name}`, 'utf8')));
    return tables
      .flatMap((table) => table.split('\n').slice(1))
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === LISTENS && own.has(inode!))
      .map(([, address]) => Number.parseInt(address!.split(':')[1]!, 16));
  }

  /** Ends it. What it has on the disk stays until {@link remove}. */
  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGTERM');
    await once(this.child, 'exit');
  }

  /**
   * Once it has ended: how many copies of mails are in its mailboxes, which are all that it has
   * taken, as they were sent.
   *
   * @throws if they are not
   */
  async copies({ transactions }: Counts): Promise<number> {
    const database = new ClassicLevel<string, string>(join(this.folder, 'database'), { createIfMissing: false });
    let copies = 0;
    let wrong = 0;
    for await (const mail of database.values({ gte: 'mail/', lt: 'mail0' })) {
      copies++;
      if (!TEXTS.includes(textOf(mail))) wrong++;
    }
    await database.close();
    if (wrong > 0) throw new Error(`${wrong} of ${copies} copies are not what was sent`);
    // A mailbox is looked for, and then a copy is put into it.
    if (2 * copies !== transactions) throw new Error(`${copies} copies are there after ${transactions} transactions`);
    return copies;
  }

  async remove(): Promise<void> {
    await this.end();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Without the header; lines are broken as quoted-printable does. */
function textOf(mail: string): string {
  return mail
    .slice(mail.indexOf('\r\n\r\n'))
    .replaceAll('=\r\n', '')
    .replaceAll('=20', ' ')
    .trimStart()
    .replace(/\r\n$/, '');
}

/** As the kernel has it in /proc/net/tcp. */
const LISTENS = '0A';

function makeCommonJs(): void {
  buildSync({
    entryPoints: SOURCES,
    outdir: COMMONJS,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    sourcemap: true,
    logLevel: 'warning',
  });
}

/** Between two sessions of a client. */
const PAUSE_MS = 50;

/** Clients that send mail, each in one session after the other. */
export class Clients {
  private readonly port: number;
  private running: Promise<void>[] = [];
  private isOver = true;

  constructor(port: number) {
    this.port = port;
  }

  start(count: number): void {
    this.isOver = false;
    this.running = Array.from({ length: count }, () => this.send());
  }

  /** Returns when all was answered. @throws if a mail was refused */
  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.running.splice(0));
  }

  private async send(): Promise<void> {
    while (!this.isOver) {
      await sendTraffic({ port: this.port, sessions: 1, mails: 7, pauseMs: 0 });
      await sleep(PAUSE_MS);
    }
  }
}
