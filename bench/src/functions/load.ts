// The programs that are measured, and what they are given to do.
import { existsSync, mkdtempSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Application } from './copies.js';

export interface Load {
  application: Application;
  /** The module that host.ts starts, and what with. */
  module: string;
  parameter: string;
  /**
   * Copies that have probes: in the application's own functions, and in those of its dependencies
   * as well.
   */
  instrumented: readonly ('app' | 'all')[];
  /** The same work each time, some ten milliseconds of it. */
  burst(port: number): Promise<void>;
}

/** Where writing waits for no disk. */
export const MEMORY = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sonde-bench-'));

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const MAILSERVER = '../../../examples/mailserver/dist/';

const { sendTraffic } = (await import(new URL(`${MAILSERVER}client.js`, import.meta.url).href)) as {
  sendTraffic(traffic: { port: number; sessions: number; mails: number; pauseMs: number }): Promise<void>;
};

export const LOADS: Record<string, Load> = {
  fastify: {
    application: { files: [here('fastify-app.js')], dependencies: ['fastify'] },
    module: 'fastify-app.js',
    parameter: '',
    instrumented: ['app', 'all'],
    burst: (port) => requests(port, 250),
  },
  mail: {
    application: {
      files: [
        ...['server.js', 'command-line.js', 'probes.js', 'quota.js'].map((file) => here(MAILSERVER + file)),
        here('mail-app.js'),
      ],
      dependencies: ['classic-level', 'smtp-server', 'sonde'],
    },
    module: 'mail-app.js',
    parameter: MEMORY,
    instrumented: ['app', 'all'],
    burst: (port) => sendTraffic({ port, sessions: 1, mails: 12, pauseMs: 0 }),
  },
  acorn: cpuBound('acorn'),
  zod: cpuBound('zod'),
};

/** What does nothing but run JavaScript of a dependency. */
function cpuBound(work: string): Load {
  return {
    application: { files: [here('cpu-bound.js')], dependencies: [work] },
    module: 'cpu-bound.js',
    parameter: work,
    instrumented: ['all'],
    burst: (port) => requests(port, 10),
  };
}

/** One for each server, so that no burst pays for another's connections. */
const agents = new Map<number, Agent>();

async function requests(port: number, count: number): Promise<void> {
  const agent = agents.get(port) ?? new Agent({ keepAlive: true, maxSockets: 10 });
  agents.set(port, agent);
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
}

/** A process has ended: its port may be another's next. */
export function forget(): void {
  for (const agent of agents.values()) agent.destroy();
  agents.clear();
}
