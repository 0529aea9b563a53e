// Programs that froze, replaced or proxied what the probes need of Node.js, before a tracer comes
// or while it is there: they go on as if there were none, and find everything as they left it.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runNode } from '../../support/run-node.js';
import { REGISTER } from '../../support/runtime-program.js';
import { useScene } from '../../support/scene.js';

const RECORDER = import.meta.resolve('sonde/testing');

interface Alteration {
  /** Code of the program's, before a tracer comes. */
  before?: string;
  /** While it is there. */
  during?: string;
  /** Before it leaves. */
  after?: string;
  /** What must be true in the end. */
  holds?: string;
  /** The probe that is seen all the same. */
  sees?: string;
}

const ALTERATIONS: Record<string, Alteration> = {
  'modules are frozen': {
    before:
      'for (const each of [http, net, dgram, dns, dns.promises, child, Module, inspector, v8]) Object.freeze(each);',
    sees: 'http__server__request',
  },
  'prototypes are frozen': {
    before: `for (const { prototype } of [dgram.Socket, child.ChildProcess, inspector.Session]) Object.freeze(prototype);
      // Frozen, they would be of no use to Node.js.
      for (const { prototype } of [net.Socket, http.IncomingMessage]) Object.seal(prototype);
      Object.freeze(Object.getPrototypeOf(process));`,
    sees: 'http__server__request',
  },
  'prototypes are frozen while a tracer is there': {
    during: `for (const { prototype } of [net.Socket, http.IncomingMessage]) Object.seal(prototype);
      Object.freeze(dgram.Socket.prototype);`,
    sees: 'net__stream__end',
  },
  'classes are replaced by others': {
    before: 'dgram.Socket = undefined; http.IncomingMessage = null; child.ChildProcess = inspector.Session = class {};',
    sees: 'http__server__request',
  },
  'classes are replaced by others while a tracer is there': {
    before: 'const { prototype } = dgram.Socket; let was;',
    during: "was = Object.hasOwn(prototype, 'emit'); dgram.Socket = class {};",
    holds: "was && !Object.hasOwn(prototype, 'emit')",
    sees: 'http__server__request',
  },
  'methods are replaced by others': {
    before: `const { connect } = net.Socket.prototype; let calls = 0;
      const mine = (net.Socket.prototype.connect = function (...args) { calls++; return connect.apply(this, args); });`,
    holds: 'net.Socket.prototype.connect === mine && calls > 0',
    sees: 'net__client__connect',
  },
  'methods are replaced by others while a tracer is there': {
    before: 'let calls = 0; let mine;',
    during: `const { connect } = net.Socket.prototype;
      mine = net.Socket.prototype.connect = function (...args) { calls++; return connect.apply(this, args); };`,
    holds: 'net.Socket.prototype.connect === mine && calls > 0',
    sees: 'net__client__connect',
  },
  'methods are behind getters': {
    before: `const { lookup } = dns; let asked = 0;
      Object.defineProperty(dns, 'lookup', { get: () => { asked++; return lookup; }, configurable: true });`,
    holds: 'Object.getOwnPropertyDescriptor(dns, "lookup").get !== undefined && asked > 0',
    sees: 'http__server__request',
  },
  'a module is proxied': {
    before: 'dns.promises = new Proxy(dns.promises, {});',
    sees: 'http__server__request',
  },
  'process.emit is replaced': {
    before: `const { emit } = process; const events = [];
      const mine = (process.emit = function (event, ...args) { events.push(event); return emit.call(this, event, ...args); });`,
    holds: 'process.emit === mine && events.includes("unhandledRejection")',
    sees: 'promise__rejection',
  },
  'process.emit is replaced while a tracer is there': {
    before: 'const events = []; let mine;',
    during: `const { emit } = process;
      mine = process.emit = function (event, ...args) { events.push(event); return emit.call(this, event, ...args); };`,
    holds: 'process.emit === mine && events.includes("unhandledRejection")',
    sees: 'promise__rejection',
  },
  'process.emit cannot be replaced': {
    before: "Object.defineProperty(process, 'emit', { value: process.emit, configurable: false });",
    holds: '/^process.emit is frozen/.test(reasons.exceptions)',
    sees: 'http__server__request',
  },
  'domains are there': {
    before: `const domain = require('node:domain').create(); const domains = new Set();
      use = () => domain.run(() => get().then(() => domains.add(process.domain)));`,
    holds: 'domains.size === 1 && domains.has(domain)',
    sees: 'http__server__request',
  },
  'timers are fake': {
    before: `for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate']) {
        real[name] = globalThis[name];
        globalThis[name] = () => { throw new Error('a fake ' + name + ' was called'); };
      }
      process.hrtime.bigint = () => { throw new Error('a fake clock was called'); };`,
    sees: 'http__server__request',
  },
  'what the language has is replaced': {
    before: `const kept = []; const fail = () => { throw new Error('called'); };
      const replace = (object, ...names) => names.forEach((name) => { kept.push([object, name, object[name]]); object[name] = fail; });`,
    during: `replace(Reflect, 'apply', 'get', 'getPrototypeOf', 'defineProperty'); replace(Array.prototype, 'flatMap', 'reduce', 'at', 'slice');
      replace(WeakMap.prototype, 'get', 'set'); replace(WeakSet.prototype, 'has');`,
    after: 'for (const [object, name, value] of kept) object[name] = value;',
    sees: 'loop__iteration',
  },
  'channels cannot be subscribed to': {
    before: `const channels = require('node:diagnostics_channel');
      channels.subscribe = () => { throw new Error('not here'); };`,
    sees: 'net__client__connect',
  },
  'AsyncLocalStorage is in use': {
    before: `const { AsyncLocalStorage } = require('node:async_hooks');
      const storage = new AsyncLocalStorage(); const stores = new Set();
      server.on('request', () => stores.add(storage.getStore()?.name));
      storage.enterWith({ name: 'outside' });`,
    holds: 'storage.getStore().name === "outside" && stores.size === 1',
    sees: 'http__server__request',
  },
};

/** Uses what probes are around, a tracer comes, and leaves. */
const program = ({ before = '', during = '', after = '', holds = 'true' }: Alteration) => `
  const [http, net, dgram, dns, child, Module, inspector, v8] = ['http', 'net', 'dgram', 'dns', 'child_process', 'module', 'inspector', 'v8'].map(
    (name) => require('node:' + name));
  const { once } = require('node:events');
  const { record } = require(${JSON.stringify(RECORDER.replace('file://', ''))});
  const { status } = require(${JSON.stringify(REGISTER.replace('file://', '').replace('register', 'index'))});
  const real = { setTimeout };
  const sleep = (ms) => new Promise((resolve) => real.setTimeout.call(undefined, resolve, ms));
  const wait = setTimeout;
  const later = (ms) => new Promise((resolve) => wait(resolve, ms));
  const server = http.createServer((request, response) => response.end('x'));
  const get = () => new Promise((resolve, reject) => {
    http.get({ port: server.address().port, agent: false }, (response) => response.resume().on('end', resolve)).on('error', reject);
  });
  /** All that a tracer must leave as it was. */
  const shape = () => [http, net, dgram, dns, dns.promises, child, Module, inspector, v8, process, Object.getPrototypeOf(process), net.Socket?.prototype,
    dgram.Socket?.prototype, child.ChildProcess.prototype, http.IncomingMessage?.prototype, inspector.Session.prototype].map(
      (object) => object && Object.getOwnPropertyDescriptors(object));
  const differences = (before, after) => before.flatMap((own, index) => Reflect.ownKeys({ ...own, ...after[index] }).filter((key) => {
    const [a, b] = [own?.[key], after[index]?.[key]];
    return !a || !b || a.value !== b.value || a.get !== b.get || a.enumerable !== b.enumerable;
  }).map(String));
  let use = async () => {
    await get();
    await new Promise((resolve) => dns.lookup('localhost', resolve));
    await dns.promises.lookup('localhost');
    const rejected = new Promise((resolve) => process.once('unhandledRejection', resolve));
    Promise.reject(new Error('no'));
    await rejected;
    await once(child.spawn('true'), 'exit');
    try { require('./missing'); } catch {}
  };
  (async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ${before}
    const before = shape();
    const recorder = record();
    await later(150);
    const { reasons } = status();
    ${during}
    await use();
    ${after}
    const fired = new Set(recorder.fired.map(({ probe }) => probe));
    recorder.stop();
    await later(150);
    const changed = ${during === '' ? 'differences(before, shape())' : '[]'};
    await use();
    console.log(JSON.stringify({ changed, holds: Boolean(${holds}), fired: [...fired] }));
    process.exit();
  })().catch((error) => {
    console.error(error);
    process.exit(1);
  });`;

describe('@sonde/node: programs that alter what it needs', function () {
  this.timeout(60_000);
  const scene = useScene();

  for (const [what, alteration] of Object.entries(ALTERATIONS)) {
    it(what, async () => {
      const { folder } = scene.current;
      const file = join(folder, 'program.cjs');
      await writeFile(file, program(alteration));
      const { stdout, stderr } = runNode(scene.current, ['--import', REGISTER, file], {});
      assert.equal(stderr, '');
      const { changed, holds, fired } = JSON.parse(stdout);
      assert.deepEqual([changed, holds], [[], true]);
      assert.ok(fired.includes(alteration.sees), `${alteration.sees} in ${fired}`);
    });
  }
});
