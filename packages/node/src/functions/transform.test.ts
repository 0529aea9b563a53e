import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { Script } from 'node:vm';
import { whatIsCalled } from './firing.js';
import { makeKnown, placesOf } from './functions.js';
import { showOwnText } from './shown-text.js';
import { CASES } from './test-cases.js';
import { type InstrumentOptions, instrument, MARK, type Returns, withoutInsertions } from './transform.js';

const options = (more: Partial<InstrumentOptions> = {}): InstrumentOptions => ({
  returns: 'fast',
  firstId: 0,
  check: 'false',
  ...more,
});

const names = (source: string) => instrument(source, options())!.functions.map(({ name }) => name);

describe('functions with probes in them', () => {
  const native = Function.prototype.toString;
  const { stackTraceLimit } = Error;

  before(showOwnText);

  afterEach(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  after(() => {
    Function.prototype.toString = native;
  });

  for (const returns of ['fast', 'exact'] satisfies Returns[]) {
    for (const traced of [false, true]) {
      describe(`mean the same: ${returns}, ${traced ? 'traced' : 'not traced'}`, () => {
        for (const [title, body] of Object.entries(CASES)) {
          it(title, async () => {
            const source = `(async function () { ${body}\n})()`;
            const { code } = instrument(source, options({ returns, check: String(traced) }))!;
            assert.notEqual(code, source);
            assert.equal(withoutInsertions(code), source);
            assert.equal(await run(code, traced), await run(source));
          });
        }
      });
    }
  }

  it('every entry has one return, and those that throw say so', async () => {
    const source = `
      function ok() { return 1 } function ends() {} function throws() { throw 1 } const arrow = () => { try { throws() } catch {} };
      function twice() { try { return 1 } finally { return 2 } }
      async function late() { await null; return Promise.resolve(1) } async function rejects() { await null; throw 2 }
      async function adopts() { return Promise.reject(3) }
      // Behind a function without a name, what is inserted looks otherwise.
      const [, inList, returnsList, failing, waits, later, refuses] = [() => 0, (function inList() { return 1 }),
        (function returnsList() { try { return [() => 1, () => 2] } finally { ok.x } }), (function failing() { throws() }),
        (async function waits() { return Promise.resolve(1) }), (async function later() { try { return Promise.resolve(1) } finally { await null } }),
        (async function refuses() { return Promise.reject(2) })];
      (async () => {
        ok(); ends(); arrow(); twice(); inList(); returnsList(); try { failing() } catch {}
        await late(); await rejects().catch(() => 0); await adopts().catch(() => 0);
        await waits(); await later(); await refuses().catch(() => 0);
      })()`;
    const told = await tell(source);
    const ends = (name: string) => told.filter((event) => event.endsWith(` ${name}`) && !event.startsWith('>'));
    assert.equal(told.filter((event) => event.startsWith('>')).length * 2, told.length);
    for (const name of ['ok', 'ends', 'twice', 'arrow', 'late', 'inList', 'returnsList', 'waits', 'later']) {
      assert.deepEqual(ends(name), [`< ${name}`]);
    }
    for (const name of ['rejects', 'adopts', 'failing', 'refuses']) assert.deepEqual(ends(name), [`! ${name}`]);
    assert.deepEqual(ends('throws'), ['! throws', '! throws']);
  });

  it('have returned when what their finally does is done, and threw when that throws', async () => {
    const source = `
      function clean() {} function fails() { throw 1 }
      function f() { try { return 1 } finally { clean() } }
      function g() { try { return 1 } finally { fails() } }
      function h() { for (;;) { try { return 1 } finally { break } } clean() }
      function k() { try { for (;;) { try { return 1 } finally { try { clean() } finally { break } } } } finally { fails() } }
      function l() { try { return 1 } finally { for (;;) try { return 2 } finally { break } clean() } }
      async function late() { try { return Promise.resolve(1) } finally { await null; clean() } }
      (async () => { f(); try { g() } catch {} h(); try { k() } catch {} l(); await late() })()`;
    assert.deepEqual((await tell(source)).slice(1, -1), [
      ...['> f', '> clean', '< clean', '< f'],
      ...['> g', '> fails', '! fails', '! g'],
      ...['> h', '> clean', '< clean', '< h'],
      ...['> k', '> clean', '< clean', '> fails', '! fails', '! k'],
      ...['> l', '> clean', '< clean', '< l'],
      ...['> late', '> clean', '< clean', '< late'],
    ]);
  });

  for (const returns of ['fast', 'exact'] satisfies Returns[]) {
    it(`end as they do without, near the end of the stack: ${returns}`, async () => {
      // When a parameter takes its value, the function's own frame is there.
      const source = `({
        block(a = begin()) { return a }, ends(a = begin()) { a }, finds(a = begin()) { try { return a } finally { a } },
        throws(a = begin()) { throw thrown }, catches(a = begin()) { try { throw thrown } finally { a } },
        arrow: (a = begin()) => a
      })`;
      const { code } = instrument(`(begin, thrown) => (${source})`, options({ returns, check: 'true' }))!;
      await traced([], async () => {
        const thrown = new Error('of the program');
        // Mocha wants all frames of each error.
        Error.stackTraceLimit = 0;
        let begun = 0;
        const functions = new Script(code).runInThisContext()(() => ++begun, thrown);
        for (const [name, f] of Object.entries<() => unknown>(functions)) {
          begun = 0;
          let ended = 0;
          for (let i = 0; i < 8; i++) ended += nearTheEnd(f, thrown, i);
          assert.deepEqual([name, ended], [name, begun]);
        }
      });
    });
  }

  it('are not put where a `with` would be asked for what is inserted', () => {
    const source = 'function f(o) { with (o) { return (() => x)() } }';
    for (const returns of ['fast', 'exact'] satisfies Returns[])
      assert.throws(() => instrument(source, options({ returns })), /it has a `with`/);
  });

  it('are not put into asm.js, which would be none then', () => {
    assert.deepEqual(names(`function M() { 'use asm'; function f() {} return { f: f } } function g() {}`), ['g']);
  });

  it('are not put where Node.js looks for the names of what a CommonJS module exports', () => {
    const source = `
      Object.defineProperty(exports, "__esModule", { value: true });
      Object.defineProperty(exports, "a", { enumerable: true, get: function () { return a_1.a; } });
      Object.defineProperty(module.exports, 'b', {
        enumerable: true,
        get() {
          return a_1['b'];
        }
      });
      Object.keys(a_1).forEach(function (key) {
        if (key === "default" || key === "__esModule") return;
        if (key in exports && exports[key] === a_1[key]) return;
        Object.defineProperty(exports, key, { enumerable: true, get: function () { return a_1[key]; } });
      });
      Object.keys(list).forEach(function own(key) { list[key]++; });
      Object.defineProperty(exports, 'c', { get: function c() { return count(); } });`;
    assert.deepEqual(names(source), ['own', 'c']);
    const inserted = instrument(source, options({ kind: 'commonjs' }))!.code;
    assert.ok(inserted.startsWith(source.slice(0, source.indexOf('Object.keys(list)'))));
  });

  it('are named as V8 names them', () => {
    assert.deepEqual(
      names(`function a() {} const b = () => 1; exports.c = function () {}; class D { e() {} get f() {} static g() {} constructor() {} #h() {} i = () => 1 }
        const o = { j() {}, k: () => 1, set l(v) {} }; (() => 1)(); export_(function m() {}); const N = class { p() {} }; function q(r = () => 1) {}; let s; s = async () => 1`),
      [
        ...['a', 'b', 'c', 'D.e', 'D.get f', 'D.g', 'new D', 'D.#h', 'D.i', 'j', 'k', 'set l', '(anonymous)', 'm'],
        ...['N.p', 'q', 'r', 's'],
      ],
    );
    assert.deepEqual(names('export default function () {} export default class { m() {} }'.replace(/ export.*/, '')), [
      'default',
    ]);
  });

  it('are where they were: no line is added', () => {
    const source = '#!/usr/bin/env node\n\nfunction a() {\n  return 1;\n}\nconst b = (x) =>\n  x;\n';
    for (const returns of ['fast', 'exact'] satisfies Returns[]) {
      const { code, functions } = instrument(source, options({ returns }))!;
      assert.deepEqual(functions, [
        { name: 'a', line: 3, column: 0 },
        { name: 'b', line: 6, column: 10 },
      ]);
      assert.equal(code.split('\n').length, source.split('\n').length);
      assert.ok(code.startsWith('#!/usr/bin/env node\n\nfunction a() {'));
    }
  });

  it('may be in modules, with import, export and await at the top', () => {
    const source =
      'import x from "y"; export const f = async () => x; await f(); export default () => import.meta.url;';
    assert.equal(instrument(source, options())!.functions.length, 2);
    assert.equal(instrument(source, options({ kind: 'module' }))!.functions.length, 2);
    assert.throws(() => instrument(source, options({ kind: 'commonjs' })), SyntaxError);
  });

  it('a source without functions, or with the mark in it, is left as it is; one that cannot be parsed is told', () => {
    assert.equal(instrument('const a = 1; return', options()), undefined);
    assert.equal(instrument('function f() { return "__sonde" }', options()), undefined);
    assert.throws(() => instrument('function (', options()), SyntaxError);
  });
});

/** What the program returns, as text. */
async function run(code: string, isTraced = false): Promise<string> {
  return inspect(await traced([], () => new Script(code).runInThisContext(), isTraced), { depth: 9 });
}

/** While `work` is done, `told` gets what is told of functions. */
async function traced<Result>(told: string[], work: () => Promise<Result>, enabled = true): Promise<Result> {
  const probe = (sign: (threw: unknown) => string) => ({
    enabled,
    fire: (...[, name, , , threw]: unknown[]) => told.push(`${sign(threw)} ${name}`),
  });
  const called = whatIsCalled({
    functionEntry: probe(() => '>'),
    functionReturn: probe((threw) => (threw ? '!' : '<')),
  });
  Object.defineProperty(globalThis, MARK, { value: called, configurable: true });
  try {
    return await work();
  } finally {
    Reflect.deleteProperty(globalThis, MARK);
  }
}

/** Entries and ends of a program's functions, all of them. */
async function tell(source: string): Promise<string[]> {
  const firstId = ++programs * 2 ** 16;
  const { code, functions } = instrument(source, options({ returns: 'exact', check: 'true', firstId }))!;
  makeKnown(firstId, { name: 'program.js', functions: placesOf(functions) });
  const told: string[] = [];
  await traced(told, () => new Script(code).runInThisContext());
  return told;
}

let programs = 0;

/**
 * Calls a function from where there is hardly any room left, and then where there is more, until
 * there is enough; how many of the calls returned or threw `thrown`.
 *
 * @param shift moves all by 8 bytes
 */
function nearTheEnd(f: () => unknown, thrown: unknown, shift: number): number {
  let ended = 0;
  const dive = (..._: unknown[]): void => {
    try {
      dive();
    } catch {
      // Here it ends.
    }
    if (ended > 100) return;
    try {
      f();
      ended++;
    } catch (error) {
      if (error === thrown) ended++;
    }
  };
  dive(...new Array(shift));
  return ended;
}

describe('Function.prototype.toString', () => {
  const before = Function.prototype.toString;

  after(() => {
    Function.prototype.toString = before;
  });

  it('shows the text that was written, and itself as native', () => {
    showOwnText();
    const source = '(function f(a) { return a ?? (() => 1)(); })';
    const { code } = instrument(source, options({ returns: 'exact' }))!;
    const made = new Script(code).runInThisContext();
    assert.equal(made.toString(), source.slice(1, -1));
    const arrows = new Script(instrument('x => y => z', options())!.code).runInThisContext();
    assert.deepEqual([String(arrows), String(arrows(1))], ['x => y => z', 'y => z']);
    assert.match(Function.prototype.toString.toString(), /^function toString\(\) \{ \[native code\] \}$/);
    assert.equal(Function.prototype.toString.length, 0);
    assert.ok(!Object.hasOwn(Function.prototype.toString, 'prototype'));
    assert.throws(() => Function.prototype.toString.call({}), TypeError);
  });
});
