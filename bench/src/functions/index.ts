// What probes in functions cost while nobody traces, in CPU time of a server for the same work. The servers of all variants run at once and
// get bursts of the same load in turn, so that each is compared with what the machine did a moment before.
//
//   node bench/dist/functions/index.js [--server=mail|fastify|acorn|zod] [--sessions=5] [--rounds=20] [--variants=app-fast,all-fast,…]
//   node bench/dist/functions/index.js --start [--server=…] [--rounds=20]     CPU time until the server listens, instead
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const REGISTER = import.meta.resolve('@sonde/node/register');
const EVERYTHING = '**,**/node_modules/**';

/** By name, the environment; the program without anything of @sonde/node is `plain`. */
const VARIANTS: Record<string, Record<string, string>> = {
  plain: {},
  again: {},
  off: { SONDE_FUNCTIONS: 'off' },
  'app-fast': { SONDE_FUNCTIONS_RETURNS: 'fast' },
  'app-exact': { SONDE_FUNCTIONS_RETURNS: 'exact' },
  'all-fast': { SONDE_FUNCTIONS_RETURNS: 'fast', SONDE_FUNCTIONS: EVERYTHING },
  'all-exact': { SONDE_FUNCTIONS_RETURNS: 'exact', SONDE_FUNCTIONS: EVERYTHING },
};

interface Load {
  program: string;
  parameters: string[];
  port: RegExp;
  /** The same work each time. */
  burst(port: number): Promise<void>;
}

const { sendTraffic } = (await import(
  new URL('../../../examples/mailserver/dist/client.js', import.meta.url).href
)) as { sendTraffic(traffic: { port: number; sessions: number; mails: number; pauseMs: number }): Promise<void> };

const LOADS: Record<string, Load> = {
  mail: {
    program: fileURLToPath(new URL('../../../examples/mailserver/dist/server.js', import.meta.url)),
    parameters: ['--port=0'],
    port: /smtp:\/\/127\.0\.0\.1:(\d+)/,
    burst: async (port) => {
      await Promise.all([0, 1].map(() => sendTraffic({ port, sessions: 5, mails: 12, pauseMs: 0 })));
    },
  },
  fastify: {
    program: fileURLToPath(new URL('fastify-app.js', import.meta.url)),
    parameters: [],
    port: /listening on (\d+)/,
    burst: (port) => requests(port, 1500),
  },
  acorn: cpuBound('acorn'),
  zod: cpuBound('zod'),
};

/** What does nothing but run JavaScript of a dependency. */
function cpuBound(work: string): Load {
  return {
    program: fileURLToPath(new URL('cpu-bound.js', import.meta.url)),
    parameters: [work],
    port: /listening on (\d+)/,
    burst: (port) => requests(port, 10),
  };
}

const { values } = parseArgs({
  options: {
    server: { type: 'string', default: 'fastify' },
    sessions: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '20' },
    start: { type: 'boolean', default: false },
    warm: { type: 'string', default: '6' },
    variants: { type: 'string', default: 'again,off,app-fast,app-exact,all-fast,all-exact' },
  },
});
const load = LOADS[values.server]!;
const names = ['plain', ...values.variants.split(',')];
const folder = mkdtempSync(join(tmpdir(), 'sonde-bench-'));
/** Of each variant, in each session of new processes: the ratios to the plain one. */
const ratios = new Map<string, number[][]>(names.map((name) => [name, []]));
const plainMs: number[] = [];
try {
  if (values.start) await measureStart();
  else await measureLoad();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function measureLoad(): Promise<void> {
  for (let session = 0; session < Number(values.sessions); session++) await measure();
  console.log(
    `${values.server}, Node.js ${process.version}, ${values.sessions} × ${values.rounds} bursts, ` +
      `${median(plainMs).toFixed(1)} ms of CPU each; more than without @sonde/node, with a 95 % confidence interval:`,
  );
  for (const name of names.slice(1)) {
    const sessions = ratios.get(name)!;
    const [low, high] = confidence(sessions);
    console.log(`${name.padEnd(12)} ${percent(middle(sessions)).padStart(9)}  (${percent(low)} … ${percent(high)})`);
  }
}

/** Cold: nothing of it was loaded before, and all is parsed. Warm: its sources are in the cache. */
async function measureStart(): Promise<void> {
  const times = new Map<string, number[]>();
  const starts = ['plain', 'off', 'app-fast', 'app-fast cold', 'all-fast', 'all-fast cold'];
  for (let round = -1; round < Number(values.rounds); round++) {
    for (const name of starts) {
      const [variant = '', cold] = name.split(' ');
      const { child } = await start(variant, cold ? `cold-${round}-${variant}` : undefined);
      if (round >= 0) times.set(name, [...(times.get(name) ?? []), cpuOf(child.pid!) / 1e6]);
      child.kill();
    }
  }
  const plain = times.get('plain')!;
  console.log(`${values.server}, Node.js ${process.version}, ms of CPU until it listens, medians of ${values.rounds}:`);
  for (const [name, list] of times) {
    const more = median(list.map((time, round) => time - plain[round]!));
    console.log(`${name.padEnd(14)} ${median(list).toFixed(0).padStart(5)}  +${more.toFixed(0)}`);
  }
}

async function measure(): Promise<void> {
  const servers = new Map<string, { child: ChildProcess; port: number; cpu: number[] }>();
  try {
    for (const name of names) servers.set(name, { ...(await start(name)), cpu: [] });
    for (let round = -Number(values.warm); round < Number(values.rounds); round++) {
      // Who comes first changes, so that nobody always runs on what the one before left in the caches.
      for (let turn = 0; turn < names.length; turn++) {
        const server = servers.get(names[(turn + Math.abs(round)) % names.length]!)!;
        const before = cpuOf(server.child.pid!);
        await load.burst(server.port);
        if (round >= 0) server.cpu.push(cpuOf(server.child.pid!) - before);
      }
    }
    const plain = servers.get('plain')!.cpu;
    plainMs.push(median(plain) / 1e6);
    for (const name of names) {
      ratios.get(name)!.push(servers.get(name)!.cpu.map((cpu, round) => cpu / plain[round]!));
    }
  } finally {
    for (const { child } of servers.values()) child.kill();
  }
}

function percent(ratio: number): string {
  return `${ratio < 1 ? '' : '+'}${((ratio - 1) * 100).toFixed(1)} %`;
}

async function start(name: string, objects = 'objects'): Promise<{ child: ChildProcess; port: number }> {
  const options = name === 'plain' || name === 'again' ? [] : ['--import', REGISTER];
  const child = spawn(process.execPath, [...options, load.program, ...load.parameters], {
    env: { ...process.env, SONDE_DIR: join(folder, objects), ...VARIANTS[name] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.once('exit', (code) => {
    if (code) console.error(`${name} ended with ${code}`);
  });
  for await (const line of createInterface(child.stdout!)) {
    const port = load.port.exec(line)?.[1];
    if (port) return { child, port: Number(port) };
  }
  throw new Error(`${name} did not start`);
}

/** Nanoseconds of all threads of a process: the kernel counts them exactly here, and in hundredths of a second elsewhere. */
function cpuOf(pid: number): number {
  let total = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    total += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  }
  return total;
}

async function requests(port: number, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 10 });
  let next = 0;
  const body = JSON.stringify({ ids: [1, 22, 333, 444, 555] });
  const one = (index: number) =>
    new Promise<void>((resolve, reject) => {
      const isPost = index % 2 === 1;
      const sent = request(
        {
          host: '127.0.0.1',
          port,
          agent,
          method: isPost ? 'POST' : 'GET',
          path: isPost ? '/basket' : `/items/${index}`,
          headers: {
            authorization: 'Bearer abc',
            ...(isPost && { 'content-type': 'application/json', 'content-length': body.length }),
          },
        },
        (response) => response.resume().on('end', resolve).on('error', reject),
      );
      sent.on('error', reject).end(isPost ? body : undefined);
    });
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      while (next < count) await one(next++);
    }),
  );
  agent.destroy();
}

function median(list: number[]): number {
  const sorted = list.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A process may be lucky with how its code was compiled and where it lies: so processes count, and not only bursts. */
function middle(sessions: number[][]): number {
  return median(sessions.map(median));
}

/** By resampling sessions, and bursts in each. */
function confidence(sessions: number[][]): [number, number] {
  const middles = Array.from({ length: 2000 }, () => middle(resampled(sessions).map(resampled))).sort((a, b) => a - b);
  return [middles[50]!, middles[1949]!];
}

function resampled<Value>(list: Value[]): Value[] {
  return Array.from(list, () => list[Math.floor(Math.random() * list.length)]!);
}
