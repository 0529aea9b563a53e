// A program of somebody who knows nothing of sonde, as `node server.js` starts it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { Scene } from './scene.js';

export type ModuleKind = 'ESM' | 'CommonJS';

/** Answers `/work?N` with something that N alone decides, and `/state` with what a program may see. */
const SERVER = `
const work = (n) => Array.from({ length: 200 }, (_, i) => ({ i, text: 'x'.repeat(n % 7) + (n * i) }));
const state = () => ({
  globals: Reflect.ownKeys(globalThis).map(String).sort(),
  listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]).sort(),
  channels: ['http.server.request.start', 'net.server.socket', 'worker_threads'].filter(hasSubscribers),
  emit: [process.emit, net.Socket.prototype.connect, http.Server.prototype.emit].map((each) => each.toString().length),
  cache: Object.keys(createRequire(file).cache),
  resources: process.getActiveResourcesInfo().filter((name) => !/^TCPSocketWrap|Pipe|HTTP/.test(name)),
});
const server = http.createServer((request, response) => {
  const { pathname, search } = new URL(request.url, 'http://localhost');
  response.end(JSON.stringify(pathname === '/state' ? state() : work(Number(search.slice(1)))));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

const MODULES = ['http', 'net'];

function serverText(kind: ModuleKind): string {
  if (kind === 'CommonJS') {
    const required = MODULES.map((name) => `const ${name} = require('node:${name}');`).join('\n');
    return `${required}\nconst { hasSubscribers } = require('node:diagnostics_channel');\nconst { createRequire } = require('node:module');\nconst file = __filename;\n${SERVER}`;
  }
  const imported = MODULES.map((name) => `import ${name} from 'node:${name}';`).join('\n');
  return `${imported}\nimport { hasSubscribers } from 'node:diagnostics_channel';\nimport { createRequire } from 'node:module';\nconst file = import.meta.url;\n${SERVER}`;
}

export class PlainProgram {
  output = '';
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;

  /** @param command Node.js and its options, and what starts it if that is another program */
  constructor(scene: Scene, command: readonly string[], file: string) {
    const [program, ...args] = command;
    const { NODE_OPTIONS, NODE_PATH, NODE_TEST_CONTEXT, DEBUG, ...inherited } = process.env;
    this.child = spawn(program!, [...args, file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...inherited, SONDE_DIR: scene.objects },
    });
    this.ended = once(this.child, 'close');
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (data: string) => {
        this.output += data;
      });
    }
    scene.defer(async () => {
      this.child.kill('SIGKILL');
      await this.ended;
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The first line that it writes. */
  async line(): Promise<string> {
    const [line] = await once(createInterface(this.child.stdout!), 'line');
    return line;
  }

  /** The ports at which it takes connections. */
  listening(): number[] {
    const inodes = new Set<string>();
    const ports: number[] = [];
    for (const [, port, inode] of readFileSync(`/proc/${this.pid}/net/tcp`, 'latin1').matchAll(
      /^ *\d+: \S+:([0-9A-F]{4}) \S+ 0A (?:\S+ +){5}(\d+) /gm,
    )) {
      if (inodes.size === 0) for (const each of socketInodes(this.pid)) inodes.add(each);
      if (inodes.has(inode!)) ports.push(Number.parseInt(port!, 16));
    }
    return ports;
  }
}

function socketInodes(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}

let programs = 0;

/** A program with this text. */
export async function startText(scene: Scene, source: string, options: readonly string[] = []): Promise<PlainProgram> {
  const file = join(scene.folder, `program-${++programs}.cjs`);
  writeFileSync(file, `${source}\nconsole.log('ready');setInterval(() => {}, 1e6);`);
  const program = new PlainProgram(scene, [process.execPath, ...options], file);
  await program.line();
  return program;
}

export class PlainServer extends PlainProgram {
  private port = 0;

  static async start(
    scene: Scene,
    kind: ModuleKind,
    options: readonly string[] = [],
    through: readonly string[] = [],
  ): Promise<PlainServer> {
    const file = join(scene.folder, `server.${kind === 'ESM' ? 'mjs' : 'cjs'}`);
    writeFileSync(file, serverText(kind));
    const server = new PlainServer(scene, [...through, process.execPath, ...options], file);
    server.port = Number(await server.line());
    return server;
  }

  async get(path: string): Promise<string> {
    const request = get({ host: '127.0.0.1', port: this.port, path, agent: false });
    const [response] = await once(request, 'response');
    return text(response);
  }

  /** Asks it all the time. */
  load(): Load {
    return new Load(this);
  }
}

/** What it answered, and how long the longest answer took. */
class Load {
  count = 0;
  wrong = 0;
  longestMs = 0;
  private isOver = false;
  private readonly ended: Promise<unknown>;
  private readonly server: PlainServer;
  private readonly expected = new Map<number, string>();

  constructor(server: PlainServer) {
    this.server = server;
    this.ended = Promise.all([0, 1, 2].map((first) => this.run(first)));
  }

  async end(): Promise<this> {
    this.isOver = true;
    await this.ended;
    return this;
  }

  private async run(first: number): Promise<void> {
    for (let n = first; !this.isOver; n = (n + 3) % 30) {
      const began = performance.now();
      const answer = await this.server.get(`/work?${n}`);
      this.longestMs = Math.max(this.longestMs, performance.now() - began);
      if (answer !== (this.expected.get(n) ?? answer)) this.wrong++;
      this.expected.set(n, answer);
      this.count++;
    }
  }
}
