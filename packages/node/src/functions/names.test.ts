// V8 names functions that have no name in stacks by what is around them in the source. What is
// inserted must not be such.
import assert from 'node:assert/strict';
import { createContext, Script } from 'node:vm';
import fc from 'fast-check';
import { whatIsCalled } from './firing.js';
import { instrument, type Returns } from './transform.js';

/**
 * Values of a program's functions: in each, functions that have a name and functions that have
 * none. `T()` notes the stack.
 */
const { value } = fc.letrec<{ value: string; made: string }>((tie) => {
  const value = tie('value');
  const made = tie('made');
  const all = (template: (...parts: string[]) => string, ...parts: fc.Arbitrary<string>[]) =>
    fc.tuple(...parts).map((texts) => template(...texts));
  return {
    /** A function or a class. */
    made: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom('() => T()', 'function () { T() }', 'async () => T()', 'function* () { T() }', 'x => y => T()'),
      fc.constantFrom('function named() { T() }', 'class { constructor() { T() } }', 'class Named { m() { T() } }'),
      all((a) => `() => (T(), ${a})`, value),
      all((a) => `() => { T(); return ${a} }`, value),
      all((a) => `function () { T(); if (yes) return ${a}; }`, value),
      all((a) => `async function () { T(); return ${a} }`, value),
      all((a) => `() => { try { return ${a} } finally { T() } }`, value),
      all((a) => `class { static m() { T(); return ${a} } static n = ${a}; ['c']() { return ${a} } }`, value),
      all((a) => `class extends Base { constructor() { super(); T() } static { T(${a}) } }`, value),
    ),
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom('1', 'k', 'o.p'),
      made,
      all((a) => `(${a})`, made),
      all((a, b) => `yes ? ${a} : ${b}`, value, value),
      all((a, b) => `[${a}, ${b}]`, value, value),
      all((a, b) => `(${a}, ${b})`, value, made),
      all((a, b) => `({ x: ${a}, y() { T() }, get z() { return ${b} }, [k]: ${a}, 'w w': [${b}] })`, made, value),
      all((a, b) => `take(${a}, ${b})`, made, value),
      all((a, b) => `take.take(${a}).take(${b})`, made, made),
      all((a) => `new Base(${a})`, made),
      all((a) => `new (class { p = ${a} })`, made),
      all((a, b) => `o?.take(${a}, ${b})`, made, value),
      all((a, b) => `no || (yes && (${a})) || (${b})`, made, value),
      all((a) => `(z = ${a})`, value),
      all((a) => `(o.q = ${a})`, value),
      all((a) => `([z = ${a}] = [])`, made),
      all((a) => `((q = ${a}) => q)()`, made),
      all((a) => `(${a})()`, made),
      all((a, b) => `tag\`\${${a}}\${${b}}\``, made, value),
      all((a) => `{}.x ?? (${a})`.replace('{}', 'o'), made),
      all((a) => `...[${a}]`.replace(/^\.\.\.(.*)$/, '[...$1]'), value),
    ),
  };
});

const program = (text: string) => `
  (function (T, take, Base, tag, o, k, yes, no) {
    let z;
    const asArrow = () => ${text};
    const a = { method() { return ${text} }, arrow: (x) => ${text}, later: async () => ${text} };
    function declared() { try { if (yes) return ${text} } finally { z = 0 } }
    a.assigned = function () { return ${text} };
    return [asArrow, a, declared, function* () { return ${text} }];
  })`;

describe('functions without names, in functions with probes', () => {
  for (const returns of ['fast', 'exact'] satisfies Returns[]) {
    it(`have the names in stacks that they had: ${returns}`, () => {
      fc.assert(
        fc.property(value, fc.boolean(), (text, traced) => {
          const source = program(text);
          const { code } = instrument(source, { returns, firstId: 7, check: CHECK })!;
          assert.deepEqual(namesIn(code, traced), namesIn(source, traced));
        }),
        { seed: 11, numRuns: 100 },
      );
    });
  }
});

/** As firing.ts makes it: names of properties are what counts. */
const CHECK = '__sonde.e[0]!==0||__sonde.h[0]!==0';

/** What every function in what the program returns is called, by itself and in stacks. */
function namesIn(code: string, traced: boolean): string[] {
  const bytes = [traced ? 1 : 0];
  const context = createContext({
    __sonde: { e: bytes, h: bytes, ...whatIsCalled({ functionEntry: NOTHING, functionReturn: NOTHING }) },
  });
  const made = new Script(code, { filename: FILE }).runInContext(context);
  const names: string[] = [];
  const note = () => {
    const { prepareStackTrace, stackTraceLimit } = Error;
    Error.stackTraceLimit = 4;
    Error.prepareStackTrace = (_error, frames) =>
      frames
        .filter((frame) => frame.getFileName() === FILE)
        .map((frame) => `${frame.getFunctionName()} ${frame.getLineNumber()}`);
    const holder = { stack: [] as string[] };
    Error.captureStackTrace(holder, note);
    names.push(holder.stack.join(' < '));
    Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  };
  const seen = new Set<unknown>();
  const call = (value: unknown): void => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return;
    seen.add(value);
    if (typeof value === 'function') {
      names.push(value.name);
      safely(() => call(Reflect.apply(value, undefined, [])));
      safely(() => call(Reflect.construct(value, [])));
      call(value.prototype);
    } else if ('next' in value) {
      safely(() => call((value as Iterator<unknown>).next().value));
    }
    for (const key of Reflect.ownKeys(value)) safely(() => call(Reflect.get(value, key)));
  };
  const take = (...values: unknown[]): unknown => {
    values.forEach(call);
    return take;
  };
  take.take = take;
  class Base {
    constructor(...values: unknown[]) {
      take(...values);
    }
  }
  const o = { take };
  call(made(note, take, Base, (_texts: unknown, ...values: unknown[]) => take(...values), o, 'key', true, false));
  return names;
}

const FILE = 'names.js';

const NOTHING = { enabled: true, fire() {} };

function safely(step: () => void): void {
  try {
    step();
  } catch {
    // A class is not called, an arrow makes nothing.
  }
}
