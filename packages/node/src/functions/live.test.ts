import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { transformSync } from 'esbuild';
import { functionProbes } from '../probes.js';
import { byHand } from '../test-probes.js';
import { liveStatus, watchLive, wishes } from './live.js';

describe('functions that are watched by name', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'sonde-live-'));
  const { provider: node, trace, fired } = byHand('functions_by_hand', functionProbes);
  const require = createRequire(import.meta.url);
  let files = 0;
  let stops: (() => void)[] = [];

  const setTraced = (isTraced: boolean) => {
    for (const probe of ['functionEntry', 'functionReturn'] as const) trace(probe, isTraced);
    trace('functionWatch', isTraced);
    trace('functionDropped', isTraced);
  };
  const watch = (...names: string[]) => {
    stops.push(wishes.add(names, 1, false));
  };
  const load = (text: string, extension = 'cjs') => {
    const path = join(folder, `${++files}.${extension}`);
    writeFileSync(path, text);
    return path;
  };
  /** `> name`, `< name` and `! name`, as a tracer would be told. */
  const told = () =>
    fired.flatMap(({ probe, values }) => {
      if (probe === 'functionEntry') return [`> ${values[1]}`];
      if (probe === 'functionReturn') return [`${values[4] ? '!' : '<'} ${values[1]}`];
      return [];
    });

  before(() => watchLive(node));

  afterEach(() => {
    setTraced(false);
    for (const stop of stops) stop();
    stops = [];
    fired.length = 0;
  });

  after(() => {
    // A recorder would trace it.
    node.unload();
    rmSync(folder, { recursive: true });
  });

  const KINDS: Record<string, [text: string, expected: string[]]> = {
    'a function that returns at several places': [
      `function f(a) { if (a === 1) return a; if (a === 2) return f(1); a++ } f(0); f(1); f(2)`,
      ['> f', '< f', '> f', '< f', '> f', '> f', '< f', '< f'],
    ],
    'a function without a space in it': [
      `function f(a){if(a)return a;if(a===0)return 2;g(a)}function g(a){return a}f(0);f(1);f(3);f()`,
      ['> f', '< f', '> f', '< f', '> f', '< f', '> f', '> g', '< g', '< f'],
    ],
    'an empty one': [`function f() {} f(); f()`, ['> f', '< f', '> f', '< f']],
    'one that throws, and is caught by another': [
      `function t() { throw 1 } function c() { try { t() } catch { return 1 } } c(); c()`,
      ['> c', '> t', '! t', '< c', '> c', '> t', '! t', '< c'],
    ],
    'one that throws, and is called again': [
      `function t() { throw 1 } for (let i = 0; i < 3; i++) try { t() } catch {}`,
      ['> t', '! t', '> t', '! t', '> t', '! t'],
    ],
    'one that throws through others': [
      `function a() { b() } function b() { c() } function c() { throw 1 } function d() {} try { a() } catch { d() }`,
      ['> a', '> b', '> c', '! c', '! b', '! a', '> d', '< d'],
    ],
    recursion: [`function f(n) { if (n > 0) f(n - 1) } f(2)`, ['> f', '> f', '> f', '< f', '< f', '< f']],
    'recursion that throws half way up': [
      `function f(n) { if (n === 0) throw 1; if (n === 2) { try { f(1) } catch { return 2 } } return f(n - 1) } f(3)`,
      ['> f', '> f', '> f', '> f', '! f', '! f', '< f', '< f'],
    ],
    arrows: [
      `const a = x => x + 1, b = (x) => { return x }, c = x => ({ x }), d = (x) => a(x); a(1); b(1); c(1); d(1); [1, 2].map((x) => b(x))`,
      ['> a', '< a', '> b', '< b', '> c', '< c', '> d', '> a', '< a', '< d'].concat(['> b', '< b', '> b', '< b']),
    ],
    'an arrow that returns an arrow': [`const a = x => y => x + y; a(1)(2); a(1)(2)`, ['> a', '< a', '> a', '< a']],
    'fields, getters, setters, static and private methods': [
      `class A { f = () => 2; get y() { return 1 } set y(v) { this.v = v } static s() { return 3 } #p() { return 4 } p() { return this.#p() } }
       const a = new A(); a.f(); a.y; a.y = 1; A.s(); a.p()`,
      ['> A.f', '< A.f', '> A.get y', '< A.get y', '> A.set y', '< A.set y', '> A.s', '< A.s'].concat([
        '> A.p',
        '> A.#p',
        '< A.#p',
        '< A.p',
      ]),
    ],
    constructors: [
      `class A { x = 1; constructor() { this.y = 1 } } class B extends A { constructor(a) { super(); if (a) return; this.z = 1 } } new A(); new B(); new B(1)`,
      ['> new A', '< new A'].concat(...Array.from({ length: 2 }, () => ['> new B', '> new A', '< new A', '< new B'])),
    ],
    'returns in a try that has a finally': [
      `function f(a) { try { if (a) return a; return g(a) } finally { h() } } function g() {} function h() {} f(0); f(1)`,
      ['> f', '> g', '< g', '< f', '> h', '< h', '> f', '< f', '> h', '< h'],
    ],
    'a throw in a try that has a finally': [
      `function f() { try { g() } finally { h() } } function g() { throw 1 } function h() {} try { f() } catch {}`,
      ['> f', '> g', '! g', '> h', '< h', '! f'],
    ],
    'returns in loops': [
      `function of(a) { for (const x of a) { if (x) return x } } function inner(a) { for (const k in a) return g(k) } function g(x) { return x }
       function calls(a) { for (const x of a) return g(x) } function turns() { for (let i = 0; i < 3; i++) if (i) return g(i) }
       of([0, 1]); of([0]); of([]); inner({ a: 1 }); calls([1]); turns()`,
      ['> of', '< of', '> of', '< of', '> of', '< of', '> inner', '> g', '< g', '< inner'].concat([
        '> calls',
        '> g',
        '< g',
        '< calls',
        '> turns',
        '> g',
        '< g',
        '< turns',
      ]),
    ],
    'a body that begins with a loop': [
      `function w(n) { while (n-- > 0) { g() } } function d(n) { do { g() } while (n-- > 0) } function e() { for (;;) { g(); break } } function g() {} w(2); w(0); d(1); e()`,
      ['> w', ...gs(2), '< w', '> w', '< w', '> d', ...gs(2), '< d', '> e', ...gs(1), '< e'],
    ],
    'closures that are made many times': [
      `function make() { return function inner() { return 1 } } for (let i = 0; i < 3; i++) make()()`,
      Array.from({ length: 3 }, () => ['> make', '< make', '> inner', '< inner']).flat(),
    ],
    'a generator': [
      `function* g(n) { for (let i = 0; i < n; i++) yield i; return 1 } [...g(2)]; [...g(0)]`,
      ['> g', '< g', '> g', '< g'],
    ],
    'default parameters and destructuring': [
      `function d() { return 1 } function f({ a = d(), b } = {}, [c] = [d()]) { return a } f(); f({ a: 1 }, [])`,
      ['> d', '< d', '> d', '< d', '> f', '< f', '> f', '< f'],
    ],
    'object methods, and functions by what they are given to': [
      `const o = { m() { return 1 }, n: function () { return 2 }, ['c']: () => 3 }; o.p = function () { return 4 }; o.m(); o.n(); o.c(); o.p()`,
      ['> m', '< m', '> n', '< n', '> c', '< c', '> p', '< p'],
    ],
    'strict functions, and functions in functions that are declared later': [
      `function f() { 'use strict'; var a; return later(); function later() { return 1 } } f()`,
      ['> f', '> later', '< later', '< f'],
    ],
  };

  function gs(times: number): string[] {
    return Array.from({ length: times }, () => ['> g', '< g']).flat();
  }

  /** Until all scripts are looked through. */
  const found = async (count?: number) => {
    const end = Date.now() + 20_000;
    const watches = () => fired.filter(({ probe }) => probe === 'functionWatch').map(({ values }) => values);
    while (watches().length === 0 || (count !== undefined && liveStatus().functions.length !== count)) {
      assert.ok(Date.now() < end, JSON.stringify([watches(), liveStatus()]));
      await setTimeout(2);
    }
    assert.equal(liveStatus().reason, undefined);
  };

  for (const [title, [text, expected]] of Object.entries(KINDS)) {
    it(`fire as they are entered and left: ${title}`, async () => {
      const path = load(`exports.run = () => { ${text} };`);
      const { run } = require(path);
      run();
      watch(`${path}:*`);
      setTraced(true);
      await found();
      run();
      await undefined;
      const only = told().filter((line) => !line.endsWith(' run') && !line.endsWith('(anonymous)'));
      assert.deepEqual(only, expected);
      setTraced(false);
      fired.length = 0;
      run();
      assert.deepEqual(told(), []);
    });
  }

  const ASYNC: Record<string, [text: string, expected: string[]]> = {
    'an async function returns when it settles': [
      `async function f(a) { if (a) return 1; await pause(); g() } function g() {} await f(1); await f(0)`,
      ['> f', '< f', '> f', '> g', '< g', '< f'],
    ],
    'one that rejects': [
      `async function f(a) { if (a) throw 1; await pause(); throw 2 } await f(1).catch(() => {}); await f(0).catch(() => {})`,
      ['> f', '! f', '> f', '! f'],
    ],
    'one that returns a promise': [
      `async function f(a) { return a ? Promise.reject(1) : pause(20) } await f(0); await f(1).catch(() => {})`,
      ['> f', '< f', '> f', '! f'],
    ],
    'one with a finally': [
      `async function f(a) { try { await pause(); if (a) return g() } finally { g() } } function g() {} await f(0); await f(1)`,
      ['> f', '> g', '< g', '< f', '> f', '> g', '< g', '> g', '< g', '< f'],
    ],
    'many at a time': [
      `let n = 0; async function f(a) { for (let i = 0; i < 3; i++) await pause(a); n++; if (a % 2) throw 1 }
       await Promise.allSettled([5, 1, 3, 2, 4].map((a) => f(a)))`,
      ['> f', '> f', '> f', '> f', '> f', '! f', '< f', '! f', '< f', '! f'],
    ],
    'async arrows and methods': [
      `const a = async (x) => x, b = async (x) => { await x }; class C { async m() { await a(1) } static s = async () => 1 } await b(1); await new C().m(); await C.s()`,
      ['> b', '< b', '> C.m', '> a', '< a', '< C.m', '> C.s', '< C.s'],
    ],
    'an async generator is told as it begins': [
      `async function* g() { yield 1; yield 2 } for await (const x of g()) pause()`,
      ['> g'],
    ],
    'one whose parameters call functions': [
      `const p = async () => 1; async function f(a = p(), b = p()) { await pause() } await f()`,
      ['> p', '> p', '> f', '< p', '< p', '< f'],
    ],
    'a loop that waits, in the middle': [
      `async function f() { let i = 0; while (i++ < 2) await pause() } await f()`,
      ['> f', '< f'],
    ],
  };

  for (const [title, [text, expected]] of Object.entries(ASYNC)) {
    it(`fire as they are entered and settled: ${title}`, async () => {
      const path = load(
        `import { setTimeout } from 'node:timers/promises';\nconst pause = (ms = 1) => setTimeout(ms * 10);\nexport async function run() { ${text} }`,
        'mjs',
      );
      const { run } = await import(pathToFileURL(path).href);
      await run();
      watch(`${path}:*`);
      setTraced(true);
      await found();
      await run();
      await setTimeout(20);
      const only = told().filter((line) => !/ (run|pause|\(anonymous\))$/.test(line));
      // An async function's end is told some microtasks after it.
      assert.deepEqual(only.toSorted(), expected.toSorted());
      const isEntry = (line: string) => line.startsWith('>');
      assert.deepEqual(only.filter(isEntry), expected.filter(isEntry));
    });
  }

  it('leave a rejection of an async function that nobody handles as it is', async () => {
    const others = process.listeners('unhandledRejection');
    const unhandled: unknown[] = [];
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', (reason) => unhandled.push(reason));
    try {
      const path = load('exports.rejects = async function rejects(x) { await x; throw x; };');
      const { rejects } = require(path);
      watch(`${path}:*`);
      setTraced(true);
      await found(1);
      rejects('nobody');
      await rejects('somebody').catch(() => {});
      await setTimeout(10);
    } finally {
      process.removeAllListeners('unhandledRejection');
      for (const other of others) process.on('unhandledRejection', other);
    }
    assert.deepEqual(unhandled, ['nobody']);
    assert.deepEqual(told().sort(), ['! rejects', '! rejects', '> rejects', '> rejects']);
  });

  it('tell how long a function takes, an async one until it settles', async () => {
    const path = load(`
      function spins(ms) { const end = Date.now() + ms; while (Date.now() < end); }
      function calls() { for (let i = 0; i < 20; i++) nothing(); } function nothing() {}
      async function waits(ms) { await new Promise((resolve) => setTimeout(resolve, ms)); }
      Object.assign(exports, { spins, waits, calls });`);
    const { spins, waits, calls } = require(path);
    watch(`${path}:*`);
    setTraced(true);
    await found(5);
    spins(30);
    calls();
    await waits(50);
    await setTimeout(10);
    const took = (name: string) =>
      fired.flatMap(({ probe, values }) =>
        probe === 'functionReturn' && values[1] === name ? [Number(values[3]) / 1e6] : [],
      );
    const [spun, waited] = [took('spins')[0]!, took('waits')[0]!];
    assert.ok(spun >= 29 && spun < 500, `spins took ${spun} ms`);
    assert.ok(waited >= 48 && waited < 500, `waits took ${waited} ms`);
    const nothing = took('nothing').sort((a, b) => a - b)[10]!;
    assert.ok(nothing < 0.1, `nothing took ${nothing} ms: what the breakpoints take is taken off`);
  });

  it('are those that a name means: a method by its own, those of a class or of a file, the one at a line', async () => {
    const path = load(
      `function deliver() {}
class Mail {
  constructor() {}
  deliver() {}
  get size() { return 1 }
  send() {
    return [1].map((x) => {
      return x;
    });
  }
}
class Mailer { deliver() {} }
Object.assign(exports, { deliver, Mail, Mailer });`,
    );
    require(path);
    const own = path.slice(folder.length + 1);
    const meant = async (...names: string[]) => {
      setTraced(true);
      watch(...names);
      await found();
      const { functions } = liveStatus();
      setTraced(false);
      stops.pop()!();
      fired.length = 0;
      return functions
        .filter(({ file }) => file === path)
        .map(({ name, line }) => `${name} ${line}`)
        .sort();
    };
    assert.deepEqual(await meant('Mail.deliver'), ['Mail.deliver 4']);
    assert.deepEqual(await meant('Mail.*'), ['Mail.deliver 4', 'Mail.get size 5', 'Mail.send 6', 'new Mail 3']);
    assert.deepEqual(await meant(`${own}:deliver`), ['Mail.deliver 4', 'Mailer.deliver 12', 'deliver 1']);
    assert.deepEqual(await meant(`${path}:*.size`, `${own}:new Mail`), ['Mail.get size 5', 'new Mail 3']);
    assert.deepEqual(await meant(`${own}:6`), ['Mail.send 6']);
    assert.deepEqual(await meant(`${own}:7`), ['(anonymous) 7']);
    assert.deepEqual(await meant(`${own}:8`, `${own}:10`), ['(anonymous) 7', 'Mail.send 6']);
    assert.deepEqual(await meant(`${own}:13`, 'nowhere.js:1', 'noSuchFunctionAnywhere'), []);
  });

  it('are told once for each name: how many there are, or that there is none', async () => {
    const path = load('exports.onlyHere = function onlyHere() {};');
    watch('onlyHere', 'nowhereAtAll');
    setTraced(true);
    await found();
    const watches = () => fired.flatMap(({ probe, values }) => (probe === 'functionWatch' ? [values] : []));
    assert.match(String(watches().find(([name]) => name === 'nowhereAtAll')?.[2]), /^no function of \d+ scripts/);
    fired.length = 0;
    const { onlyHere } = require(path);
    await found();
    const [[name, functions, reason, ns] = [], ...more] = watches();
    assert.deepEqual([name, functions, reason, more], ['onlyHere', 1, '', []]);
    assert.ok(Number(ns) > 0, String(ns));
    onlyHere();
    assert.deepEqual(told(), ['> onlyHere', '< onlyHere']);
  });

  it('are those of sources that are loaded later, again and again, and of texts that are evaluated', async () => {
    watch('ofEachVersion', 'ofATextHere');
    setTraced(true);
    await found();
    const path = load('');
    for (let i = 0; i < 20; i++) {
      writeFileSync(path, `exports.ofEachVersion = function ofEachVersion() { return ${i} };`);
      delete require.cache[path];
      const { ofEachVersion } = require(path);
      await setTimeout(20);
      assert.equal(ofEachVersion(), i);
    }
    assert.deepEqual(told(), Array.from({ length: 20 }, () => ['> ofEachVersion', '< ofEachVersion']).flat());
    assert.equal(liveStatus().functions.length, 8);
    fired.length = 0;
    // biome-ignore lint/security/noGlobalEval: this is tested.
    const evaluated = globalThis.eval('(function ofATextHere() { return 1 })');
    const made = new Function('return function ofATextHere() { return 2 }')();
    await setTimeout(50);
    assert.deepEqual([evaluated(), made()], [1, 2]);
    assert.deepEqual(told(), ['> ofATextHere', '< ofATextHere', '> ofATextHere', '< ofATextHere']);
  });

  it('do not keep the program from compiling text with whatever name', async () => {
    watch('anything');
    setTraced(true);
    await found();
    // biome-ignore lint/security/noGlobalEval: the name that it has for the debugger is what is tested.
    assert.equal(globalThis.eval('(function anything() { return 1 })() //# sourceURL=file://host/a.js'), 1);
    await setTimeout(50);
    assert.equal(liveStatus().state, 'watching');
  });

  it('have the original names of files, and lines, where there is a source map', async () => {
    const source = `interface Mail { to: string }\n\nexport class Post {\n  deliver(mail: Mail): string {\n    return mail.to;\n  }\n}\nexport const minified = (mail: Mail) => mail.to;\n`;
    const { code, map } = transformSync(source, {
      loader: 'ts',
      format: 'cjs',
      sourcemap: true,
      sourcefile: 'post.ts',
      minify: true,
      keepNames: false,
    });
    const path = load(`${code}//# sourceMappingURL=post.map`);
    writeFileSync(join(folder, 'post.map'), map);
    const { Post, minified } = require(path);
    // By the file that runs, too.
    const made = path.slice(folder.length + 1);
    watch('post.ts:5', 'post.ts:minified', 'post.ts:8', `${made}:deliver`, `${made}:1`);
    setTraced(true);
    await found();
    assert.equal(new Post().deliver({ to: 'a' }) + minified({ to: 'b' }), 'ab');
    const places = fired.flatMap(({ probe, values }) => (probe === 'functionEntry' ? [[values[0], values[2]]] : []));
    assert.deepEqual(places, [
      [join(folder, 'post.ts'), 4],
      [join(folder, 'post.ts'), 8],
    ]);
  });

  it('are let go of in the middle of a loop that calls one too often, and it says so', async () => {
    const path = load('exports.often = function often(x) { return x + 1 }; exports.rarely = function rarely() {};');
    const { often, rarely } = require(path);
    stops.push(wishes.add(['often', 'rarely'], 0.01, false));
    setTraced(true);
    await found();
    const began = Date.now();
    let sum = 0;
    for (let i = 0; i < 3e6; i++) sum = often(sum);
    assert.equal(sum, 3e6);
    assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`);
    rarely();
    const { dropped, functions } = liveStatus();
    assert.deepEqual([dropped.map(({ name }) => name), functions.map(({ name }) => name)], [['often'], ['rarely']]);
    const [[file, name, line, hits, percent]] = fired.flatMap(({ probe, values }) =>
      probe === 'functionDropped' ? [values] : [],
    ) as [unknown[]];
    assert.deepEqual([file, name, line, Number(hits)], [path, 'often', 1, dropped[0]!.hits]);
    assert.ok(Number(hits) > 10 && Number(hits) < 10_000 && Number(percent) > 1, `${hits} hits, ${percent} %`);
    assert.deepEqual(told().slice(-2), ['> rarely', '< rarely']);
    // It stays so until a tracer comes anew.
    setTraced(false);
    fired.length = 0;
    setTraced(true);
    await found();
    often(1);
    assert.deepEqual(told(), ['> often', '< often']);
  });

  it('do the same near the end of the stack', async () => {
    const path = load(`
      let depth = 0;
      exports.deep = function deep(n) { depth = n; return n === 0 ? 0 : 1 + deep(n - 1) };
      exports.endless = function endless(n) { depth = n; return endless(n + 1) };
      exports.catches = function catches() { try { exports.endless(0) } catch (error) { return error instanceof RangeError } };`);
    const { deep, catches } = require(path);
    watch(`${path}:deep`, `${path}:catches`);
    setTraced(true);
    await found();
    assert.equal(deep(300), 300);
    assert.equal(catches(), true);
    assert.equal(told().length, 2 * 302);
    fired.length = 0;
    stops.push(wishes.add([`${path}:endless`], 0.1, false));
    await found(3);
    const { stackTraceLimit } = Error;
    assert.equal(catches(), true);
    assert.equal(Error.stackTraceLimit, stackTraceLimit);
    assert.equal(Object.hasOwn(Error, 'prepareStackTrace'), hadPrepare);
  });

  it('leave nothing behind, in many rounds under load', async () => {
    // In a process of its own, which has fewer scripts. A thousand rounds take a minute or two.
    const given = process.env.SONDE_TEST_ROUNDS ?? '60';
    const program = fileURLToPath(new URL('test-rounds.js', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program, folder, given], { timeout: 50_000 });
    const { told, rounds, grown, before, after } = JSON.parse(stdout);
    assert.deepEqual([rounds, told], [Number(given), 4 * rounds]);
    assert.deepEqual(after, before);
    assert.ok(grown < 4e6, `${grown} bytes`);
  });
});

const hadPrepare = Object.hasOwn(Error, 'prepareStackTrace');
