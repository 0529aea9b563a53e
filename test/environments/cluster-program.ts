// A cluster: the primary process and its workers each define smtp and fire it as often as told,
// with ports of their own. The test tells the primary what to do, and it its workers, over the
// channels that child_process and cluster have.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { status } from 'sonde';
import { defineSmtp } from './tell.js';

const smtp = defineSmtp();

export interface Member {
  pid: number;
  location: string;
  enabled: boolean;
}

export interface Command {
  name: 'status' | 'knock' | 'fire';
  times?: number;
}

function obey({ name, times = 0 }: Command): Member {
  if (name === 'knock') smtp.sessionStart.fire('knock', -1);
  for (let port = 1; port <= times; port++) smtp.sessionStart.fire('10.0.0.7', port);
  const { location, probes } = status().providers[0]!;
  return { pid: process.pid, location: location!, enabled: probes[0]!.enabled };
}

if (cluster.isPrimary) {
  const workers = Array.from({ length: Number(process.argv[2]) }, () => cluster.fork());
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  process.on('message', async (command: Command) => {
    const told = [obey(command)];
    for (const worker of workers) {
      const answer = once(worker, 'message');
      worker.send(command);
      told.push((await answer)[0]);
    }
    process.send!(told);
  });
  process.on('disconnect', () => {
    for (const worker of workers) worker.disconnect();
  });
  process.send!('ready');
} else {
  process.on('message', (command: Command) => process.send!(obey(command)));
  process.send!('ready');
}
