import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { createContext, runInContext, Script } from 'node:vm';
import { showOwnText } from './shown-text.js';
import { CASES } from './test-cases.js';
import { type InstrumentOptions, instrument, type Returns, withoutInsertions } from './transform.js';

const options = (more: Partial<InstrumentOptions> = {}): InstrumentOptions => ({
  returns: 'fast',
  firstId: 0,
  check: 'false',
  ...more,
});

const names = (source: string) => instrument(source, options())!.functions.map(({ name }) => name);

describe('functions with probes in them', () => {
  for (const returns of ['fast', 'exact', 'none'] satisfies Returns[]) {
    for (const traced of [false, true]) {
      describe(`mean the same: ${returns}, ${traced ? 'traced' : 'not traced'}`, () => {
        for (const [title, body] of Object.entries(CASES)) {
          it(title, async () => {
            const source = `(async function () { ${body}\n})()`;
            const { code } = instrument(source, options({ returns, check: String(traced) }))!;
            assert.notEqual(code, source);
            assert.equal(withoutInsertions(code), source);
            assert.equal(await run(code), await run(source));
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
      (async () => { ok(); ends(); arrow(); twice(); await late(); await rejects().catch(() => 0); await adopts().catch(() => 0) })()`;
    const events: string[] = [];
    const { code, functions } = instrument(source, options({ returns: 'exact', check: 'true' }))!;
    await run(code, events);
    await new Promise(setImmediate);
    const told = events.map((event) => event.replace(/\d+/, (id) => functions[Number(id)]!.name));
    const ends = (name: string) => told.filter((event) => event.endsWith(` ${name}`) && !event.startsWith('i'));
    assert.equal(told.filter((event) => event.startsWith('i')).length, told.filter((e) => !e.startsWith('i')).length);
    assert.deepEqual(ends('ok'), ['o ok']);
    assert.deepEqual(ends('twice'), ['o twice']);
    assert.deepEqual(ends('throws'), ['t throws']);
    assert.deepEqual(ends('arrow'), ['o arrow']);
    assert.deepEqual(ends('late'), ['p late']);
    assert.deepEqual(ends('rejects'), ['t rejects']);
    assert.deepEqual(ends('adopts'), ['p adopts']);
  });

  it('have returned when what their finally does is done, and threw when that throws', async () => {
    const source = `
      function clean() {} function fails() { throw 1 }
      function f() { try { return 1 } finally { clean() } }
      function g() { try { return 1 } finally { fails() } }
      function h() { for (;;) { try { return 1 } finally { break } } clean() }
      async function late() { try { return Promise.resolve(1) } finally { await null; clean() } }
      (async () => { f(); try { g() } catch {} h(); await late() })()`;
    const events: string[] = [];
    const { code, functions } = instrument(source, options({ returns: 'exact', check: 'true' }))!;
    await run(code, events);
    const told = events.map((event) => event.replace(/\d+/, (id) => functions[Number(id)]!.name));
    assert.deepEqual(told.slice(1, -1), [
      ...['i f', 'i clean', 'o clean', 'o f'],
      ...['i g', 'i fails', 't fails', 't g'],
      ...['i h', 'i clean', 'o clean', 'o h'],
      ...['i late', 'i clean', 'o clean', 'p late'],
    ]);
  });

  it('are not put where a `with` would be asked for what is inserted', () => {
    const source = 'function f(o) { with (o) { return (() => x)() } }';
    for (const returns of ['fast', 'exact', 'none'] satisfies Returns[])
      assert.throws(() => instrument(source, options({ returns })), /it has a `with`/);
  });

  it('are not put into asm.js, which would be none then', () => {
    assert.deepEqual(names(`function M() { 'use asm'; function f() {} return { f: f } } function g() {}`), ['g']);
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
async function run(code: string, events: string[] = []): Promise<string> {
  const told =
    (how: string, result: unknown) =>
    (id: number, ...[, value]: unknown[]) => {
      events.push(`${how} ${id}`);
      if (how === 'p' && value instanceof Promise) value.catch(() => {});
      return result;
    };
  const context = createContext({
    __sonde: { i: told('i', 1), l: told('l', 0), o: told('o', 0), p: told('p', 0), t: told('t', undefined) },
  });
  runInContext(`(${installText})()`, context);
  return inspect(await new Script(code).runInContext(context), { depth: 9 });
}

/** showOwnText, for the functions of another realm. */
const installText = `function () {
  const original = Function.prototype.toString;
  Function.prototype.toString = function () { return original.call(this).replace(/\\/\\*__sonde\\*\\/.*?(?:\\/\\*\\*\\/|$)/g, '') };
}`;

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
    assert.throws(() => Function.prototype.toString.call({}), TypeError);
  });
});
