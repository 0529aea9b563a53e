// Which JavaScript reads from the disk, and by which way through the database? One line of bpftrace
// asks the mail server while it runs. As root, on Node.js 24 or newer:
//
//   npm run demo:stacks
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sendTraffic } from './client.js';
import { interrupt } from './interrupting.js';

const TRAFFIC = { sessions: 6, mails: 12, pauseMs: 10 };
const SHOWN = 2;

const folder = await mkdtemp(join(tmpdir(), 'mail-'));
const server = fork(fileURLToPath(new URL('stacks/served.js', import.meta.url)), [folder], {
  env: { ...process.env, SONDE_DIR: folder },
  execArgv: [],
});
try {
  const { port, object } = (await answer(server)) as { port: number; object: string };
  const received = async () => {
    server.send('summary');
    return (await answer(server)) as { mails: number; bytes: number };
  };
  /** What the server received of the same mails, each time. */
  const serve = async (when: string) => {
    const before = await received();
    await sendTraffic({ port, ...TRAFFIC });
    const { mails, bytes } = await received();
    const result = `${mails - before.mails} mails, ${bytes - before.bytes} bytes`;
    console.log(`${when}: ${result}`);
    return result;
  };
  console.log(`A mail server runs: process ${server.pid}, SMTP on 127.0.0.1:${port}, quotas in SQLite.\n`);
  // The first fills the database, and the caches.
  await sendTraffic({ port, ...TRAFFIC });
  const results = [await serve('before')];
  const script = `usdt:${object}:node:stacks__on {} uprobe:${process.execPath}:unixRead /pid == ${server.pid}/ { @[ustack] = count(); }`;
  console.log(`\n$ bpftrace -e '${script}'\n`);
  const tracer = spawn('bpftrace', ['-e', script], {
    env: { ...process.env, BPFTRACE_CACHE_USER_SYMBOLS: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  tracer.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const ended = once(tracer, 'close');
  while (!output.includes('Attaching')) await setTimeout(100);
  await setTimeout(2000);
  results.push(await serve('during'));
  const done = interrupt(tracer);
  await ended;
  done();
  results.push(await serve('after'));
  const stacks = [...output.matchAll(/^@\[\n([\s\S]*?)^\]: (\d+)$/gm)].map(([, frames, count]) => ({
    frames: frames!.trimEnd(),
    count: Number(count),
  }));
  stacks.sort((a, b) => b.count - a.count);
  const reads = stacks.reduce((sum, { count }) => sum + count, 0);
  console.log(`\n${reads} reads in ${stacks.length} stacks; the ${SHOWN} most frequent:\n`);
  for (const { frames, count } of stacks.slice(0, SHOWN)) console.log(`@[\n${frames}\n]: ${count}\n`);
  if (new Set(results).size !== 1) throw new Error('the server did not do the same each time');
  if (!stacks.some(({ frames }) => /sqlite3[\s\S]*take .*quota\.ts:\d+/.test(frames))) {
    throw new Error('no stack has both SQLite and the function that asked it');
  }
} finally {
  server.disconnect();
  await rm(folder, { recursive: true, force: true });
}

async function answer(child: ChildProcess): Promise<unknown> {
  return (await once(child, 'message'))[0];
}
