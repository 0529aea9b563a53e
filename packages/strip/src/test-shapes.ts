// Ways to use probes. Each is a program with probes, and what becomes of it: README.md has the
// table.

export type Files = Readonly<Record<string, string>>;

export interface Shape {
  readonly name: string;
  readonly entry: string;
  readonly files: Files;
  /**
   * The same program as it is written without probes, where that is to come out. Files that are the
   * same are left out.
   */
  readonly without?: Files;
  /** Whether it comes out where nothing is changed but names. */
  readonly isIdentical?: boolean;
  /** What is appended to the entry of both, to run what it exports. */
  readonly drive?: string;
  /** Whether probes stay, disabled: everywhere, or where these bundlers are at work. */
  readonly stays?: true | readonly string[];
  /** How the warnings begin, after the folder. */
  readonly warnings?: readonly string[];
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
function shape(name: string, main: string, others: Partial<Shape> = {}): Shape {
  return { name, entry: 'main.js', ...others, files: { 'probes.js': PROBES, 'main.js': main, ...others.files } };
}

/** One that comes out as if it had been written without probes. */
function identical(name: string, main: string, without: string, others: Partial<Shape> = {}): Shape {
  return shape(name, main, { ...others, isIdentical: true, without: { 'main.js': without, ...others.without } });
}

const effect = (place: string, text: string) => `${place}: \`${text}\` stays, since it may have an effect`;
const inactive = (place: string, text: string) =>
  `${place}: \`${text}\` stays, disabled, with the definition of its provider`;

export const SHAPES: readonly Shape[] = [
  identical(
    '`fire`, `fireWith`, `enabled`, `unload`',
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
    {
      files: { 'accept.js': 'export const accept = (what) => console.log(what);\n' },
      drive: `connect('a', 25); connect('b', 26);`,
    },
  ),
  identical(
    '`run`, `runCallback`',
    `import { smtp } from './probes.js';

const deliver = (message) => Promise.resolve(message?.length);
const box = { put: (key) => key.length, read: (path, callback) => callback(null, path) };

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
    `const deliver = (message) => Promise.resolve(message?.length);
const box = { put: (key) => key.length, read: (path, callback) => callback(null, path) };

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
    { drive: `console.log(await receive('message', 'key')); read('path', console.log);` },
  ),
  identical(
    'destructuring',
    `import { smtp } from './probes.js';

const { sessionStart, sessionDone: done, delivery: { start } } = smtp;
const { enabled } = done;

export function connect(peer) {
  const { delivery } = smtp;
  sessionStart.fire(peer, 25);
  if (start.enabled || enabled) console.log('traced');
  done.fire(peer, 2n);
  return delivery.run([peer], () => peer.length);
}
`,
    `export function connect(peer) {
  return peer.length;
}
`,
    { drive: `console.log(connect('a'));` },
  ),
  identical(
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
      files: {
        'all.js': `export * from './probes.js';\n`,
        'some.js': `import { smtp } from './probes.js';
export { smtp as mail } from './probes.js';
export const PORT = Number(process.env.MAIL_PORT ?? 25);
export const HOST = 'localhost';
console.log(HOST);
export const start = smtp.sessionStart, port = PORT;
export const { sessionDone, delivery: { done: delivered } } = smtp;
`,
      },
      without: {
        'some.js': `export const PORT = Number(process.env.MAIL_PORT ?? 25);
export const HOST = 'localhost';
console.log(HOST);
export const port = PORT;
`,
      },
    },
  ),
  identical(
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
      files: {
        'settings.js': `export { smtp as probes } from './probes.js';\nexport const PORT = Number(process.env.MAIL_PORT ?? 25);\n`,
      },
      without: { 'settings.js': 'export const PORT = Number(process.env.MAIL_PORT ?? 25);\n' },
    },
  ),
  identical(
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
  identical(
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
first(smtp.sessionDone, 'c');
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
first(void 0, 'c');
`,
    { drive: `console.log(handle('d'), handle.length, first(), named({ port: 1 }));` },
  ),
  identical(
    'conditions',
    `import { smtp } from './probes.js';

export function connect(peer, isNew, log) {
  smtp?.sessionStart?.fire(peer, 1);
  isNew && smtp.sessionStart.fire(peer, 2);
  isNew ? smtp.sessionStart.fire(peer, 3) : smtp.sessionDone.fire(peer, 4n);
  (isNew ? smtp.sessionStart : smtp.sessionDone).fire(peer, 5);
  log() && smtp.sessionStart.fire(peer, 6);
  isNew ? log(peer) : smtp.sessionStart.fire(peer, 7);
  if (peer.isNew) smtp.sessionStart.fire(peer, 8);
  else if (peer.isOld) smtp.sessionStart.fire(peer, 8);
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
    { drive: `for (const isNew of [true, false]) console.log(connect('a', isNew, console.log));` },
  ),
  identical(
    'private fields of a class',
    `import { smtp } from './probes.js';

export class Session {
  static #started = smtp.sessionStart;
  /** When it is over. */
  #done = smtp.sessionDone;
  #delivery = smtp.delivery;
  peer = 'a';

  start(other) {
    Session.#started.fire(this.peer, 25);
    return this.#delivery.run([this.peer], () => this.end(other));
  }

  end(other = this) {
    this.#done.fire(this.peer, 1n);
    other.#done.fire(other.peer, 1n);
    return this.peer;
  }
}
`,
    `export class Session {
  peer = 'a';

  start(other) {
    return this.end(other);
  }

  end(other = this) {
    return this.peer;
  }
}
`,
    { drive: `console.log(new Session().start(), Object.keys(new Session()).join());` },
  ),
  identical(
    'default exports',
    `import smtp, { PORT } from './default.js';
import { default as again } from './default.js';
import start from './start.js';

smtp.sessionStart.fire('a', PORT);
again.sessionStart.fire('b', PORT);
start.fire('c', PORT);
console.log(PORT);
`,
    `import { PORT } from './default.js';

console.log(PORT);
`,
    {
      files: {
        'default.js': `import { provider, string, int32 } from 'sonde';
export const PORT = Number(process.env.MAIL_PORT ?? 25);
export default provider('smtp', { sessionStart: [string('peer'), int32('port')] });
`,
        'start.js': `import smtp from './default.js';\nexport default smtp.sessionStart;\n`,
      },
      without: { 'default.js': 'export const PORT = Number(process.env.MAIL_PORT ?? 25);\n' },
    },
  ),
  shape(
    'computed members',
    `import { smtp } from './probes.js';

smtp['sessionStart'].fire('a', 25);
smtp[\`sessionDone\`]['fire']('a', 1n);
console.log('done');
`,
  ),
  shape(
    'lists of expressions',
    `import { smtp } from './probes.js';

export function connect(peer, log) {
  log(peer), smtp.sessionStart.fire(peer, 1);
  smtp.sessionStart.fire(peer, 2), log(peer);
  const result = (smtp.sessionStart.fire(peer, 3), log(peer));
  for (let i = 0; i < 3; i++, smtp.sessionStart.fire(peer, i)) log(i);
  return result;
}
`,
    { drive: `console.log(connect('a', (x) => (console.log(x), x)));` },
  ),
  shape(
    'arrow functions',
    `import { smtp } from './probes.js';

export const start = (peer) => smtp.sessionStart.fire(peer, 1);
export const traced = () => smtp.sessionStart.enabled;
export const wrap = (peer) => ({ end: () => { smtp.sessionDone.fire(peer, 1n); } });
`,
    { drive: `console.log(start('a'), traced(), wrap('a').end());` },
  ),
  shape(
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
    {
      drive: `const send = ({ to }) => { if (to === 'd') throw new Error('refused'); return Promise.resolve({ bytes: to }); };
try { for await (const one of each([{ to: 'a' }, { to: 'd' }], send)) console.log(one); } catch ({ message }) { console.log(message); }
console.log(await all([{ to: 'b' }, { to: 'c' }], send), await all([{ to: 'd' }], send).catch(({ message }) => message));`,
    },
  ),
  {
    name: 'TypeScript',
    entry: 'main.ts',
    files: {
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
enum Kind { Plain = 'plain' }

export function handle(peer: string, probe: Mail['sessionStart'] = smtp.sessionStart): string {
  probe!.fire(peer, 25);
  (http as Provider).request;
  http.request.fire(peer as string);
  return (smtp.sessionDone.enabled as boolean) ? peer : Kind.Plain;
}
export class Session {
  readonly #done: Mail['sessionDone'] = smtp.sessionDone;
  constructor(readonly traced?: Traced) {}
  end(peer: string): void {
    this.#done.fire(peer, 1n);
  }
}
`,
    },
    drive: `new Session().end('b');\nconsole.log(handle('a'), Object.keys(new Session()).join());`,
  },
  shape(
    'definitions in parts, `using`',
    `import { provider, string } from 'sonde';
import { common } from './common.js';

const NAME = 'http';
{
  using http = provider(NAME, { request: common.request, done: [...common.request, string('text')] });
  http.request.fire('/');
  console.log('in');
}
`,
    {
      files: {
        'common.js': `import { string } from 'sonde';\nexport const common = { request: [string('url')] };\n`,
      },
    },
  ),
  shape(
    'modules in a circle',
    `import { smtp, later } from './circle.js';
export const go = () => { smtp.sessionStart.fire('a', 1); return 'went'; };
console.log(later());
`,
    {
      files: {
        'circle.js': `${PROBES}import { go } from './main.js';
export const later = () => go();
export const probe = smtp.sessionStart;
`,
      },
    },
  ),
  shape(
    'arguments with effects',
    `import { smtp } from './probes.js';
let n = 0;
const next = () => ++n;
const box = {};
smtp.sessionStart.fire('a', n++);
smtp.sessionStart.fire(next(), (n += 2, box.last = n));
const go = (m) => smtp.sessionStart.fire('b', n = m);
go(n * 10);
if (n) smtp.sessionStart.fire('c', n > 5 ? n-- : 0);
console.log(n && smtp.sessionDone.fire(delete box.last, 1), n, Object.keys(box).length);
smtp.sessionStart.fire(...[next(), 2]);
const list = () => [next()];
smtp.sessionStart.fire(...list());
await smtp.delivery.run([n++, box], () => console.log(n));
smtp.sessionDone.fireWith(() => [n++, next()]);
smtp.sessionDone.fire(\`\${n}\`, [n, { n, box: box?.last }], () => n++, -n);
console.log(n);
`,
    {
      warnings: [
        effect('main.js:5:29', 'n++'),
        effect('main.js:6:24', 'next()'),
        effect('main.js:6:32', '(n += 2, box.last = n)'),
        effect('main.js:7:47', 'n = m'),
        effect('main.js:9:36', 'n > 5 ? n-- : 0'),
        effect('main.js:10:40', 'delete box.last'),
        effect('main.js:11:24', '...[next(), 2]'),
        effect('main.js:13:24', '...list()'),
        effect('main.js:14:26', 'n++'),
      ],
    },
  ),
  shape(
    'public fields of a class',
    `import { smtp } from './probes.js';

export class Session {
  static started = smtp.sessionStart;
  done = smtp.sessionDone;
  peer = 'a';

  end() {
    const { done, peer } = this;
    Session.started.fire(this.peer, 25);
    this.done.fire(peer, 1n);
    done.fire(peer, 1n);
    return peer;
  }
}
const session = new Session();
session.done.fire('b', 2n);
session.done = smtp.sessionStart;
console.log(session.end());
`,
    {
      stays: true,
      warnings: [
        inactive('main.js:4:20', 'smtp.sessionStart'),
        inactive('main.js:5:10', 'smtp.sessionDone'),
        inactive('main.js:18:16', 'smtp.sessionStart'),
      ],
    },
  ),
  {
    name: 'private fields of TypeScript',
    entry: 'main.ts',
    files: {
      'probes.ts': PROBES,
      'main.ts': `import { smtp } from './probes.js';

export class Session {
  private readonly done = smtp.sessionDone;
  constructor(readonly started = smtp.sessionStart) {}
  end(peer: string): void {
    this.done.fire(peer, 1n);
    this.started.fire(peer, 1);
  }
}
new Session().end('a');
console.log(Object.keys(new Session()).join());
`,
    },
    stays: true,
    warnings: [inactive('main.ts:4:27', 'smtp.sessionDone'), inactive('main.ts:5:34', 'smtp.sessionStart')],
  },
  shape(
    'objects that hold probes',
    `import { provider, string } from 'sonde';
import { probes } from './container.js';

const own = {
  http: provider('http', { request: [string('url')] }),
  retries: 3,
  ask(url) {
    this.http.request.fire(url);
    return this.retries;
  },
};
own.http.request.fire('/');
probes.start.fire('a', own.retries);
console.log(own.ask('/'), Object.keys(own.http).join(), JSON.stringify(own));
`,
    {
      files: {
        'container.js': `import { smtp } from './probes.js';\nexport const probes = { start: smtp.sessionStart, done: smtp.sessionDone };\n`,
      },
      stays: true,
      warnings: [
        inactive('container.js:2:32', 'smtp.sessionStart'),
        inactive('container.js:2:57', 'smtp.sessionDone'),
        inactive('main.js:5:9', "provider('http', { request: [string('ur…"),
      ],
    },
  ),
  shape(
    'variables that change, lists, functions that are given probes',
    `import { smtp } from './probes.js';
let probe = smtp.sessionStart;
probe.fire('a', 1);
probe = smtp.sessionDone;
probe.fire('b', 2);
for (const each of [smtp.sessionStart]) each.fire('c', 3);
function emit(which, value) { which.fire(value); return which.enabled; }
console.log(emit(smtp.sessionStart, 'd'), probe.enabled);
`,
    {
      stays: true,
      warnings: [
        inactive('main.js:2:13', 'smtp.sessionStart'),
        inactive('main.js:4:9', 'smtp.sessionDone'),
        inactive('main.js:6:21', 'smtp.sessionStart'),
        inactive('main.js:8:18', 'smtp.sessionStart'),
      ],
    },
  ),
  shape(
    'modules as values, `import()`',
    `import * as probes from './probes.js';
function use(all) { all.smtp.sessionStart.fire('a', 1); return Object.keys(all).join(); }
const { smtp } = await import('./later.js');
smtp.sessionStart.fire('b', 2);
console.log(use(probes), smtp.delivery.run(['a'], () => 'ran'));
`,
    { files: { 'later.js': PROBES }, stays: true },
  ),
  {
    name: 'CommonJS',
    entry: 'main.cjs',
    files: {
      'probes.cjs': `'use strict';
const { provider, string, int32 } = require('sonde');

const smtp = provider('smtp', { sessionStart: [string('peer'), int32('port')] });
smtp.sessionStart.fire('loaded', 1);

module.exports = { smtp, PORT: 25 };
`,
      'http.cjs': `const sonde = require('sonde');
exports.http = sonde.provider('http', { request: [sonde.string('url')] });
exports.twice = (x) => 2 * x;
exports.http.request.fire('loaded');
`,
      'main.cjs': `const { smtp, PORT } = require('./probes.cjs');
const { http, twice } = require('./http.cjs');
const all = require('./probes.cjs');

smtp.sessionStart.fire('a', PORT);
all.smtp.sessionStart.fire('b', all.PORT);
require('./probes.cjs').smtp.sessionStart.fire('c', 1);
http.request.fire('/');
console.log(twice(all.PORT), PORT);
`,
    },
    stays: true,
    warnings: [
      inactive('http.cjs:2:16', "sonde.provider('http', { request: [sond…"),
      inactive('probes.cjs:7:20', 'smtp'),
    ],
  },
  shape(
    '`status()`, and what else sonde exports',
    `import { DefinitionError, provider, status, string } from 'sonde';
const smtp = provider('smtp', { sessionStart: [string('peer')] });
smtp.sessionStart.fire('a');
console.log(typeof DefinitionError, new Error() instanceof DefinitionError, status().backend);
`,
    { stays: true },
  ),
];

/** Programs that are easy to get wrong. */
export const OTHERS: readonly Shape[] = [
  shape(
    'what stands around names that go',
    `import { provider, string } from 'sonde';
import { smtp } from './probes.js';
function only(probe = smtp.sessionStart /* a, b */,) { probe.fire('a', 1); return arguments.length; }
function last(peer, probe = smtp.sessionStart,) { probe.fire(peer, 1); return peer; }
const first = ({ probe = smtp.sessionStart, x, other = smtp.sessionDone, } = {}, probe2 = smtp.sessionStart) => {
  probe.fire('a', x), other.fire('a', 1), probe2.fire('b', 2);
  return x;
};
const a = smtp.sessionStart, b = 1, c = a, d = smtp, { sessionDone, } = d, e = 2;
c.fire('a', b), sessionDone.fire('b', e);
class Session { static #start = a; #done = sessionDone; #count = 1; end() { Session.#start.fire('a', 1); this.#done.fire('a', 1); return this.#count; } }
console.log(only(), last(1), last(2, smtp.sessionDone,), first({ x: 3 }), first(), b, e, new Session().end());
const http = provider('http', { request: [string('url')] });
{ const { request } = http; request.fire('/'); }
console.log(smtp.delivery.run([], () => {
  smtp.delivery.run([], () => { const v = 1; console.log(v); });
  smtp.delivery.run([], () => { const v = 2; console.log(v); });
  return smtp.delivery.run([], () => { const w = 3; return w; });
}));
const nested = (path, done) =>
  smtp.delivery.runCallback([path], (d) => smtp.delivery.runCallback([path], (d2) => setTimeout(d2, 0, null, path), d), done);
nested('nested', (error, path) => console.log(error, path));
`,
  ),
  shape(
    'semicolons that are left out',
    `import { smtp } from './probes.js'
const out = []
const add = (x) => { out.push(x); return add }
add(1)
smtp.sessionStart.fire('a', 1)
;[2, 3].forEach((x) => add(x))
add(4)
smtp.sessionStart.fire('a', 1); (() => add(5))()
add(6)
if (!smtp.sessionStart.enabled) (() => add(7))()
const last = add(8)
smtp.delivery.run([], () => { const x = 9; add(x) })
smtp.delivery.run([], function () { add(this === undefined ? 10 : 0) })
const probe = smtp.sessionStart
;(() => add(11))()
class Session { a = 1
  #probe = smtp.sessionStart;
  ['b'] = 2
  c() { this.#probe.fire('a', 1) } }
add(new Session().b)
smtp.sessionStart.fire('a', add(12))
console.log(out.join())
`,
    { files: { 'probes.js': PROBES.replaceAll(';', '') }, warnings: [effect('main.js:21:29', 'add(12)')] },
  ),
  shape(
    'what operations run, as it is run',
    `import { smtp } from './probes.js';
const box = { name: 'box', get() { return this?.name; }, async later() { return this?.name; } };
console.log(smtp.delivery.run(['a'], box.get));
console.log(smtp.delivery.run(['a'], () => box.get()), smtp.delivery.run(['a'], () => box.get)());
console.log(smtp.delivery.run(['a'], () => ({ a: 1 })).a, smtp.delivery.run(['a'], () => box?.name).length);
console.log(await smtp.delivery.run(['a'], box.later));
try { smtp.delivery.run(['a'], () => { throw new Error('thrown'); }); } catch ({ message }) { console.log(message); }
async function caught() {
  try {
    return smtp.delivery.run(['a'], async () => { throw new Error('rejected'); });
  } catch { return 'caught'; }
}
async function awaited() {
  try {
    return await smtp.delivery.run(['a'], async () => { throw new Error('rejected'); });
  } catch { return 'caught'; }
}
console.log(await caught().catch(({ message }) => message), await awaited());
const early = (x) => { if (x) { return smtp.delivery.run([], () => { if (x > 1) return 'early'; }); } return 'late'; };
console.log(early(0), early(1), early(2));
smtp.delivery.runCallback(['a'], (done) => { done(null, 1); done.call(box, null, 2); }, function (error, n) { console.log(error, n, this?.name); });
smtp.delivery.runCallback(['a'], (done) => setTimeout(done, 1, null, 'time'), (error, text) => console.log(text));
const x = 1;
{ smtp.delivery.run([], () => { const x = 2; console.log(x); }); }
smtp.delivery.run([], () => { const x = 3; console.log(x); });
smtp.delivery.run([], () => { const y = 4; console.log(y); });
smtp.delivery.run([], () => { const y = 5; console.log(y); });
smtp.delivery.run([], () => { const process = 6; console.log(process); });
console.log(x, 2 * smtp.delivery.run([], () => x + 1), typeof smtp.delivery.run([], () => x, () => []), typeof process);
`,
  ),
  shape(
    'what is decided without a tracer',
    `import { smtp } from './probes.js';
const out = [];
const f = (x) => { out.push(x); return x; };
f(0) && smtp.sessionStart.fire('a', 1);
const a = f('') || smtp.sessionStart.enabled, b = f(2) && smtp.sessionStart.enabled, c = smtp.sessionStart.enabled || f(3);
const traced = smtp.sessionStart.enabled || smtp.delivery.done.enabled;
if (traced || f(4) === 4) f('yes'); else f('no');
if (f(5) && traced) f('no');
if (traced) { f('no'); } else if (f(6)) { const g = 1; f('six'); }
while (smtp.sessionStart.enabled) f('no');
for (const x of [7, 8]) if (x === 7) smtp.sessionStart.fire('x', 7); else f(x);
const object = { traced, at: () => traced ? 1 : {}, mail: () => void smtp.sessionStart.fire('a', 1) };
f(JSON.stringify([object.traced, object.at(), object.mail() === undefined]));
switch (1) { case 1: smtp.sessionStart.fire('a', 1); f('case'); break; default: f('no'); }
label: { smtp.sessionStart.fire('a', 1); break label; }
try { smtp.sessionStart.fire('a', 1); } catch { f('no'); } finally { f('finally'); }
do { smtp.sessionStart.fire('a', 1); } while (f(0));
f(typeof traced); f(\`\${traced}\`); f(!!smtp.sessionStart && 'there');
f(smtp.sessionStart.enabled === false);
if (f(9)) if (traced) f('no'); else f('else'); else f('no');
if (traced) { var late = 1; }
late = 2;
f(late);
const noValue = () => f('') && smtp.sessionStart.fire('a', 1), off = () => smtp.sessionStart.enabled;
f(noValue() === '' && off() === false);
f((0 && smtp.sessionStart.enabled) === 0 && (1 && smtp.sessionStart.enabled) === false);
console.log(JSON.stringify(out), a, b, c);
export { traced };
`,
  ),
  shape(
    'names that hide others',
    `import { smtp } from './probes.js';
import { provider as p } from 'sonde';
const out = [];
function a(smtp) { smtp.sessionStart.fire('mine'); }
a({ sessionStart: { fire: (x) => out.push(x) } });
{ const p = (x) => ({ one: { fire: () => out.push(x) } }); const q = p('q', {}); q.one.fire(); }
class provider { static fire = (x) => out.push(x); request = { fire: (x) => out.push(x) }; go() { this.request.fire('field'); } }
provider.fire('static');
new provider().go();
smtp.sessionStart.fire('a', 1);
const { fire } = { fire: (...all) => out.push(...all) };
fire('free');
console.log(out.join());
`,
    // What is left has the names of probes, and is the program's own.
    { stays: true },
  ),
];
