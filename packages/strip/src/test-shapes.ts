// Ways to use probes, each with the same program as it is written without them.

export type Files = Readonly<Record<string, string>>;

export interface Shape {
  readonly name: string;
  readonly entry: string;
  /** Programs with probes. */
  readonly with: Files;
  /** The same without; files that are the same are left out. */
  readonly without: Files;
  /** Files that nobody would have without probes. */
  readonly only?: readonly string[];
}

export const PROBES = `// What can be traced.
import { int32, operation, provider, string, uint64 } from 'sonde';

export const smtp = provider('smtp', {
  sessionStart: [string('peer'), int32('port')],
  sessionDone: [string('peer'), uint64('bytes')],
  delivery: operation({ start: [string('recipient')], done: [uint64('bytes')] }),
});
`;

/** A program of `main.js` and the probes above. */
function simple(name: string, main: string, without: string, others: Partial<Shape> = {}): Shape {
  return {
    name,
    entry: 'main.js',
    ...others,
    with: { 'probes.js': PROBES, 'main.js': main, ...others.with },
    without: { 'main.js': without, ...others.without },
    only: others.only ?? ['probes.js'],
  };
}

export const SHAPES: readonly Shape[] = [
  simple(
    'fire, fireWith, enabled, unload',
    `import { smtp } from './probes.js';
import { accept } from './accept.js';

// A client is here.
export function connect(peer, port) {
  smtp.sessionStart.fire(peer, port);
  accept(peer);

  // Costs something: only while somebody looks.
  smtp.sessionDone.fireWith(() => [peer, expensive()]);

  if (smtp.sessionDone.enabled) {
    console.log('traced');
  }
  if (!smtp.sessionDone.enabled) accept('nobody looks');
  if (smtp.sessionStart.enabled) console.log('a');
  else accept('b');
  if (smtp.sessionStart.enabled || port > 25) {
    accept('c');
  }
  if (port > 25 && smtp.sessionStart.enabled) {
    accept('d');
  }
  const kind = smtp.sessionStart.enabled ? 'traced' : 'plain';
  accept(kind);
}

process.on('exit', () => {
  accept('end');
  smtp.unload();
});
`,
    `import { accept } from './accept.js';

// A client is here.
export function connect(peer, port) {
  accept(peer);

  accept('nobody looks');
  accept('b');
  if (port > 25) {
    accept('c');
  }
  const kind = 'plain';
  accept(kind);
}

process.on('exit', () => {
  accept('end');
});
`,
    { with: { 'accept.js': 'export const accept = (what) => console.log(what);\n' } },
  ),
  simple(
    'operations',
    `import { smtp } from './probes.js';

const deliver = (message) => Promise.resolve(message.length);
const box = { put: (key) => key.length };

export async function receive(message, key) {
  const count = await smtp.delivery.run([key], () => deliver(message), (bytes) => [bytes]);
  const size = smtp.delivery.run([key], () => box.put(key));
  smtp.delivery.run([key], deliver);
  await smtp.delivery.run([key], async () => {
    await deliver(key);
    console.log(key);
  });
  const text = await smtp.delivery.run([key], async () => (await deliver(key)) + 1);
  const other = smtp.delivery.run([key], () => {
    const length = box.put(key);
    return length * 2;
  });
  return smtp.delivery.run(
    [key],
    async () => {
      const copy = \`
        \${message}
      \`;
      return (await deliver(copy)) + count + size + text + other;
    },
    (bytes) => [bytes],
  );
}

export function read(path, callback) {
  smtp.delivery.runCallback([path], (done) => box.read(path, done), callback, (data) => [data.length]);
}
`,
    `const deliver = (message) => Promise.resolve(message.length);
const box = { put: (key) => key.length };

export async function receive(message, key) {
  const count = await deliver(message);
  const size = box.put(key);
  deliver();
  await deliver(key);
  console.log(key);
  const text = await ((await deliver(key)) + 1);
  const other = (() => {
    const length = box.put(key);
    return length * 2;
  })();
  const copy = \`
        \${message}
      \`;
  return (await deliver(copy)) + count + size + text + other;
}

export function read(path, callback) {
  box.read(path, callback);
}
`,
  ),
  simple(
    'destructuring',
    `import { smtp } from './probes.js';

const { sessionStart, sessionDone: done, delivery: { start } } = smtp;
const { enabled } = done;

export function connect(peer) {
  sessionStart.fire(peer, 25);
  if (start.enabled || enabled) console.log('traced');
  done.fire(peer, 2n);
  return peer;
}
`,
    `export function connect(peer) {
  return peer;
}
`,
  ),
  simple(
    're-exports',
    `import { smtp } from './all.js';
import { PORT, start } from './some.js';

start.fire('a', PORT);
smtp.sessionStart.fire('b', 25);
console.log(PORT);
`,
    `import { PORT } from './some.js';

console.log(PORT);
`,
    {
      with: {
        'all.js': `export * from './probes.js';\n`,
        'some.js': `import { smtp } from './probes.js';
export { smtp as mail } from './probes.js';
export const PORT = 25;
export const start = smtp.sessionStart, HOST = 'localhost';
console.log(HOST);
`,
      },
      without: {
        'some.js': `export const PORT = 25;
export const HOST = 'localhost';
console.log(HOST);
`,
      },
      only: ['probes.js', 'all.js'],
    },
  ),
  simple(
    'namespaces',
    `import * as probes from './probes.js';
import * as settings from './settings.js';
import * as sonde from 'sonde';

const http = sonde.provider('http', { request: [sonde.string('url')] });

probes.smtp.sessionStart.fire('a', settings.PORT);
settings.probes.sessionStart.fire('b', settings.PORT);
http.request.fire('/');
console.log(settings.PORT);
`,
    `import * as settings from './settings.js';

console.log(settings.PORT);
`,
    {
      with: { 'settings.js': `export { smtp as probes } from './probes.js';\nexport const PORT = 25;\n` },
      without: { 'settings.js': 'export const PORT = 25;\n' },
    },
  ),
  simple(
    'aliases',
    `import { provider as define, string as text } from 'sonde';
import { smtp as mail } from './probes.js';

const http = define('http', { request: [text('url')] });
const p = mail.sessionStart;
const q = p;
q.fire('a', 25);
http.request.fire('/');
console.log('done');
`,
    `console.log('done');
`,
  ),
  simple(
    'default parameters',
    `import { smtp } from './probes.js';

export function handle(peer, probe = smtp.sessionStart) {
  probe.fire(peer, 25);
  return peer;
}
export const first = (probe = smtp.sessionDone, peer = 'a') => {
  probe.fire(peer, 1n);
  return peer;
};
export function named({ probe = smtp.sessionStart, port }) {
  probe?.fire('a', port);
  return port;
}
handle('a');
handle('b', smtp.sessionDone);
`,
    `export function handle(peer) {
  return peer;
}
export const first = (probe = void 0, peer = 'a') => {
  return peer;
};
export function named({ port }) {
  return port;
}
handle('a');
handle('b');
`,
  ),
  simple(
    'conditional chains',
    `import { smtp } from './probes.js';

export function connect(peer, isNew, log) {
  smtp?.sessionStart?.fire(peer, 1);
  isNew && smtp.sessionStart.fire(peer, 2);
  isNew ? smtp.sessionStart.fire(peer, 3) : smtp.sessionDone.fire(peer, 4n);
  (isNew ? smtp.sessionStart : smtp.sessionDone).fire(peer, 5);
  log() && smtp.sessionStart.fire(peer, 6);
  isNew ? log(peer) : smtp.sessionStart.fire(peer, 7);
  if (isNew) smtp.sessionStart.fire(peer, 8);
  else log('old');
  if (isNew) {
    log('new');
  } else {
    smtp.sessionStart.fire(peer, 9);
  }
  if (smtp.sessionStart) smtp.sessionStart.fire(peer, 10);
  return smtp.sessionStart.enabled && isNew;
}
`,
    `export function connect(peer, isNew, log) {
  log();
  isNew && log(peer);
  if (!isNew) log('old');
  if (isNew) {
    log('new');
  }
  return false;
}
`,
  ),
  simple(
    'class fields',
    `import { smtp } from './probes.js';

export class Session {
  static started = smtp.sessionStart;
  /** When it is over. */
  done = smtp.sessionDone;
  #delivery = smtp.delivery;
  peer = 'a';

  start() {
    Session.started.fire(this.peer, 25);
    return this.#delivery.run([this.peer], () => this.end());
  }

  end() {
    const { done, peer } = this;
    this.done.fire(peer, 1n);
    done.fire(peer, 1n);
    return peer;
  }
}
const session = new Session();
session.done.fire('b', 2n);
`,
    `export class Session {
  peer = 'a';

  start() {
    return this.end();
  }

  end() {
    const { peer } = this;
    return peer;
  }
}
const session = new Session();
`,
  ),
  {
    name: 'CommonJS',
    entry: 'main.cjs',
    with: {
      'probes.cjs': `'use strict';
const { provider, string, int32 } = require('sonde');

const smtp = provider('smtp', { sessionStart: [string('peer'), int32('port')] });

module.exports = { smtp, PORT: 25 };
`,
      'http.cjs': `const sonde = require('sonde');
exports.http = sonde.provider('http', { request: [sonde.string('url')] });
exports.twice = (x) => 2 * x;
exports.http.request.fire('loaded');
`,
      'only.cjs': `const { provider, string } = require('sonde');
module.exports = provider('only', { one: [string('text')] });
`,
      'main.cjs': `const { smtp, PORT } = require('./probes.cjs');
const { http, twice } = require('./http.cjs');
const all = require('./probes.cjs');
const only = require('./only.cjs');

smtp.sessionStart.fire('a', PORT);
all.smtp.sessionStart.fire('b', all.PORT);
require('./probes.cjs').smtp.sessionStart.fire('c', 1);
http.request.fire('/');
only.one.fire('x');
console.log(twice(all.PORT), PORT);
`,
    },
    without: {
      'probes.cjs': `'use strict';

module.exports = { PORT: 25 };
`,
      'http.cjs': `exports.twice = (x) => 2 * x;
`,
      'main.cjs': `const { PORT } = require('./probes.cjs');
const { twice } = require('./http.cjs');
const all = require('./probes.cjs');

console.log(twice(all.PORT), PORT);
`,
    },
    only: ['only.cjs'],
  },
  simple(
    'default exports',
    `import smtp, { PORT } from './default.js';
import { default as again } from './default.js';

smtp.sessionStart.fire('a', PORT);
again.sessionStart.fire('b', PORT);
console.log(PORT);
`,
    `import { PORT } from './default.js';

console.log(PORT);
`,
    {
      with: {
        'default.js': `import { provider, string, int32 } from 'sonde';
export const PORT = 25;
export default provider('smtp', { sessionStart: [string('peer'), int32('port')] });
`,
      },
      without: { 'default.js': 'export const PORT = 25;\n' },
    },
  ),
  simple(
    'computed members',
    `import { smtp } from './probes.js';

smtp['sessionStart'].fire('a', 25);
smtp[\`sessionDone\`]['fire']('a', 1n);
console.log('done');
`,
    `console.log('done');
`,
  ),
  simple(
    'sequences',
    `import { smtp } from './probes.js';

export function connect(peer, log) {
  log(peer), smtp.sessionStart.fire(peer, 1);
  smtp.sessionStart.fire(peer, 2), log(peer);
  const result = (smtp.sessionStart.fire(peer, 3), log(peer));
  for (let i = 0; i < 3; i++, smtp.sessionStart.fire(peer, i)) log(i);
  return result;
}
`,
    `export function connect(peer, log) {
  log(peer);
  log(peer);
  const result = (log(peer));
  for (let i = 0; i < 3; i++) log(i);
  return result;
}
`,
  ),
  simple(
    'arrow functions',
    `import { smtp } from './probes.js';

export const start = (peer) => smtp.sessionStart.fire(peer, 1);
export const traced = () => smtp.sessionStart.enabled;
export const wrap = (peer) => ({ end: () => { smtp.sessionDone.fire(peer, 1n); } });
`,
    `export const start = (peer) => {};
export const traced = () => false;
export const wrap = (peer) => ({ end: () => {} });
`,
  ),
  simple(
    'asynchronous code',
    `import { smtp } from './probes.js';

export async function* each(messages, send) {
  for await (const message of messages) {
    try {
      yield await smtp.delivery.run([message.to], () => send(message), ({ bytes }) => [bytes]);
    } catch (error) {
      smtp.sessionDone.fire(error.message, 1n);
      throw error;
    } finally {
      smtp.sessionDone.fire(message.to, 0n);
    }
  }
}
export const all = (messages, send) =>
  Promise.all(messages.map((message) => smtp.delivery.run([message.to], async () => send(message))));
`,
    `export async function* each(messages, send) {
  for await (const message of messages) {
    try {
      yield await send(message);
    } catch (error) {
      throw error;
    }
  }
}
export const all = (messages, send) =>
  Promise.all(messages.map((message) => (async () => send(message))()));
`,
  ),
  {
    name: 'TypeScript',
    entry: 'main.ts',
    with: {
      'probes.ts': PROBES,
      'main.ts': `import { type Probe, type Provider, provider, string } from 'sonde';
import type { Operation } from 'sonde';
import { smtp } from './probes.js';

type Mail = typeof smtp;
interface Traced {
  probe: Probe<[string]>;
  operation: Operation;
  provider: Provider;
}
const http = provider('http', { request: [string('url')] } as const);

export function handle(peer: string, probe: Mail['sessionStart'] = smtp.sessionStart): string {
  probe!.fire(peer, 25);
  (http as Provider).request;
  http.request.fire(peer);
  return peer;
}
export class Session {
  private readonly done: Mail['sessionDone'] = smtp.sessionDone;
  constructor(readonly traced?: Traced) {}
  end(peer: string): void {
    this.done.fire(peer, 1n);
  }
}
`,
    },
    without: {
      'main.ts': `export function handle(peer: string): string {
  return peer;
}
interface Traced {}
export class Session {
  constructor(readonly traced?: Traced) {}
  end(peer: string): void {}
}
`,
    },
    only: ['probes.ts'],
  },
  simple(
    'what is there for probes alone',
    `import { hrtime } from 'node:process';
import { domainOf } from './domains.js';
import { smtp } from './probes.js';

const short = (peer) => peer.slice(0, 10);
function label(peer) {
  return short(peer) + domainOf(peer);
}

export function connect(session) {
  const peer = session.remoteAddress;
  smtp.sessionStart.fire(label(peer), hrtime());
  return session.id;
}
`,
    `export function connect(session) {
  return session.id;
}
`,
    { with: { 'domains.js': 'export const domainOf = (peer) => peer;\n' }, only: ['probes.js', 'domains.js'] },
  ),
  simple(
    'shared definitions, using, status',
    `import { provider, status } from 'sonde';
import { common } from './common.js';

const NAME = 'http';
{
  using http = provider(NAME, { request: common.request, done: [...common.request] });
  http.request.fire('/');
  console.log('in');
}
console.log(status().backend);
`,
    `{
  console.log('in');
}
console.log(({ backend: 'noop', requested: 'noop', reason: 'the probes were removed by @sonde/strip', providers: [] }).backend);
`,
    {
      with: {
        'common.js': `import { string } from 'sonde';\nexport const common = { request: [string('url')] };\n`,
      },
      only: ['common.js', 'probes.js'],
    },
  ),
  simple(
    'containers',
    `import { provider, string } from 'sonde';
import { probes } from './container.js';

const own = {
  // For tracers.
  http: provider('http', { request: [string('url')] }),
  retries: 3,
  ask(url) {
    this.http.request.fire(url);
    return this.retries;
  },
};
own.http.request.fire('/');
probes.start.fire('a', own.retries);
console.log(own.retries);
`,
    `const own = {
  retries: 3,
  ask(url) {
    return this.retries;
  },
};
console.log(own.retries);
`,
    {
      with: {
        'container.js': `import { smtp } from './probes.js';\nexport const probes = { start: smtp.sessionStart, done: smtp.sessionDone };\n`,
      },
      only: ['probes.js', 'container.js'],
    },
  ),
];
