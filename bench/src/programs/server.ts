// An http server, and a client in the same process that asks it. For each line of stdin, a number
// of requests, or `idle`, it prints how many microseconds of processor time they took; for
// `wake-ups`, how often its threads began to wait in a second of doing nothing.
import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

const IDLE_MS = 1000;

const server = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const agent = new Agent({ keepAlive: true, maxSockets: 10 });

function ask(): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent }, (response) => response.resume().on('end', resolve)).on('error', reject);
  });
}

async function askMany(times: number): Promise<void> {
  let asked = 0;
  const lane = async () => {
    while (asked++ < times) await ask();
  };
  await Promise.all(Array.from({ length: 10 }, lane));
}

console.log('ready');
for await (const line of createInterface(process.stdin)) {
  if (line === 'wake-ups') {
    const before = process.resourceUsage().voluntaryContextSwitches;
    await setTimeout(IDLE_MS);
    console.log(process.resourceUsage().voluntaryContextSwitches - before);
    continue;
  }
  const before = process.cpuUsage();
  if (line === 'idle') await setTimeout(IDLE_MS);
  else await askMany(Number(line));
  const { user, system } = process.cpuUsage(before);
  console.log(user + system);
}
