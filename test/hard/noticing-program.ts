// A server with @sonde/node that writes when its probes are switched on and off, and otherwise does
// nothing, or works all the time.
import { writeSync } from 'node:fs';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { status } from 'sonde';
import { answerCalls } from '../support/called-program.js';

const CHANNEL = 'http.server.request.start';
/** Of each turn's work. */
const WORK_MS = 1;

const channels = process.getBuiltinModule('node:diagnostics_channel');
const { subscribe, unsubscribe } = channels;
const told =
  <Result>(what: string, original: (name: string | symbol, listener: never) => Result) =>
  (name: string | symbol, listener: never): Result => {
    if (name === CHANNEL) writeSync(2, `${what} ${process.hrtime.bigint()}\n`);
    return original(name, listener);
  };
Object.assign(channels, { subscribe: told('on', subscribe), unsubscribe: told('off', unsubscribe) });

const server = createServer((_request, response) => response.end()).listen(0, '127.0.0.1');
let isWorking = false;

function work(): void {
  const until = performance.now() + WORK_MS;
  while (performance.now() < until);
  if (isWorking) setImmediate(work);
}

const commands = {
  object: () => status().providers.find(({ name }) => name === 'node')!.location!,

  work(on: boolean): void {
    if (on && !isWorking) setImmediate(work);
    isWorking = on;
  },

  async ask(times: number): Promise<void> {
    const { port } = server.address() as AddressInfo;
    for (let i = 0; i < times; i++) {
      await new Promise((resolve, reject) => {
        const path = { host: '127.0.0.1', port, path: '/', agent: false };
        get(path, (response) => response.resume().on('end', resolve)).on('error', reject);
      });
    }
  },
};

export type Commands = typeof commands;

answerCalls(commands);
