import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Module } from './module.js';
import { rewrite } from './rewriting.js';
import { parseSource } from './source.js';
import { PROBES } from './test-shapes.js';

// Programs by chance, run as they are, with probes that nobody traces, and without. `f(n)` notes n
// and returns it, so that what is run, in which order, and what it gives can be compared.

const literal = fc.constantFrom('0', '1', "''", "'x'", 'undefined', 'null');
const variable = fc.constantFrom('a', 'b', 'c');
const called = fc.nat(9).map((n) => `f(${n})`);
const probe = fc.constantFrom(
  'smtp.sessionStart',
  'smtp.sessionDone',
  'alias',
  'own',
  "smtp['sessionDone']",
  '(a ? alias : own)',
);
const operation = fc.constantFrom('smtp.delivery', 'work');
const assignment = fc
  .tuple(variable, fc.constantFrom('=', '+=', '||=', '??='), fc.oneof(literal, variable))
  .map(([name, operator, value]) => `(${name} ${operator} ${value})`);

/** What is written as an argument of a probe. */
const argument = fc.oneof(
  literal,
  variable,
  assignment,
  called,
  called.map((x) => `[${x}].length`),
  called.map((x) => `...[${x}]`),
  variable.map((name) => `${name}++`),
  fc.tuple(variable, variable).map(([a, b]) => `(${a} ? ${b}++ : 0)`),
);
const args = fc.array(argument, { maxLength: 2 }).map((all) => all.join(', '));

const { statement } = fc.letrec<{ expression: string; statement: string; block: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    literal,
    variable,
    called,
    assignment,
    fc.tuple(probe, args).map(([name, given]) => `${name}.fire(${given})`),
    fc.tuple(probe, args).map(([name, given]) => `${name}?.fireWith(() => [${given}])`),
    fc.oneof(probe, operation).map((name) => `${name}.enabled`),
    fc.constantFrom('traced', 'work.start.enabled', '!own'),
    tie('expression').map((x) => `!${x}`),
    tie('expression').map((x) => `void ${x}`),
    fc.tuple(tie('expression'), fc.constantFrom('&&', '||'), tie('expression')).map(([x, o, y]) => `(${x} ${o} ${y})`),
    fc.tuple(tie('expression'), tie('expression')).map(([x, y]) => `(${x} ?? ${y})`),
    fc.tuple(tie('expression'), tie('expression'), tie('expression')).map(([x, y, z]) => `(${x} ? ${y} : ${z})`),
    fc.tuple(tie('expression'), tie('expression')).map(([x, y]) => `(${x}, ${y})`),
    fc.tuple(operation, args, tie('expression')).map(([name, given, x]) => `${name}.run([${given}], () => ${x})`),
    fc
      .tuple(operation, args, tie('expression'))
      .map(([name, given, x]) => `${name}.run([${given}], () => ({ x: ${x} }), (y) => [y]).x`),
    fc.tuple(operation, tie('block')).map(([name, block]) => `${name}.run([], () => ${block})`),
    fc.tuple(operation, called).map(([name, x]) => `${name}.runCallback([], (done) => done(${x}), (x) => f(x))`),
    tie('expression').map((x) => `((probe = smtp.sessionStart) => { probe.fire(1); return ${x}; })()`),
    fc.tuple(tie('expression'), probe).map(([x, name]) => `take(${x}, ${name})`),
    fc
      .tuple(probe, args, tie('expression'))
      .map(
        ([name, given, x]) =>
          `new (class { #p = ${name.replace('a ?', '1 ?')}; m() { this.#p.fire(${given}); return ${x}; } })().m()`,
      ),
    tie('expression').map((x) => `f(\`\${${x}}\`)`),
    tie('expression').map((x) => `[${x}].length`),
  ) as fc.Arbitrary<string>,
  block: fc.array(tie('statement'), { maxLength: 3 }).map((all) => `{\n${all.join('\n')}\n}`) as fc.Arbitrary<string>,
  statement: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.tuple(probe, args).map(([name, given]) => `${name}.fire(${given});`),
    tie('expression').map((x) => `(${x});`),
    tie('expression').map((x) => `f(${x});`),
    fc.tuple(variable, tie('expression')).map(([name, x]) => `${name} = ${x};`),
    fc.tuple(tie('expression'), tie('block')).map(([x, y]) => `if (${x}) ${y}`),
    fc.tuple(tie('expression'), tie('block'), tie('block')).map(([x, y, z]) => `if (${x}) ${y} else ${z}`),
    fc.tuple(tie('expression'), tie('statement'), tie('statement')).map(([x, y, z]) => `if (${x}) ${y} else ${z}`),
    fc.tuple(tie('expression'), tie('statement')).map(([x, y]) => `if (${x}) ${y}`),
    fc.tuple(operation, tie('block')).map(([name, block]) => `${name}.run([], () => ${block});`),
    fc.tuple(operation, tie('block')).map(([name, block]) => `return ${name}.run([], () => ${block});`),
    fc.tuple(tie('block'), tie('block'), tie('block')).map(([x, y, z]) => `try ${x} catch ${y} finally ${z}`),
    tie('expression').map((x) => `return ${x};`),
    tie('block').map((x) => `for (let i = 0; i < 2; i++, smtp.sessionStart.fire(i)) ${x}`),
    tie('expression').map((x) => `{ const mine = ${x}; own.fire(mine); }`),
    fc.tuple(probe, args).map(([name, given]) => `{ const mine = ${name}, again = mine; again.fire(${given}); }`),
    fc
      .tuple(operation, variable, tie('expression'))
      .map(([name, v, x]) => `${name}.run([], () => { const ${v}${v} = ${x}; f(${v}${v}); });`),
    fc
      .tuple(tie('expression'), tie('statement'))
      .map(([x, y]) => `switch (${x}) { case 1: ${y} break; default: own.fire(1); }`),
    fc.constant('{ f(1)\n;[2].map((x) => f(x)) }'),
  ) as fc.Arbitrary<string>,
}));

const program = fc.array(statement, { minLength: 1, maxLength: 6 }).map(
  (statements) => `import { smtp } from './probes.js';
const { sessionStart: alias, delivery: work } = smtp;
const own = smtp.sessionDone;
const traced = alias.enabled || work.enabled;
const take = (x, probe = smtp.sessionStart) => { probe.fire(x); return x; };
export function main(f, a, b, c) {
${statements.join('\n')}
}
`,
);

describe('a program does the same without its probes', () => {
  it('whatever it is made of at random', function () {
    this.timeout(120_000);
    fc.assert(
      fc.property(program, (code) => {
        const stripped = strip(code);
        assert.doesNotMatch(stripped.replace(/^import.*/, ''), /smtp|alias|own\b|work\b/, stripped);
        for (const given of [0, 1]) assert.deepEqual(run(stripped, given), run(code, given), stripped);
      }),
      { numRuns: 150 },
    );
  });
});

function strip(code: string): string {
  const module = new Module('/main.js', code, parseSource(code, '/main.js'), true);
  module.links.set('./probes.js', new Module('/probes.js', PROBES, parseSource(PROBES, '/probes.js'), true));
  return rewrite(module).text.toString();
}

/** What a program notes, returns or throws. */
function run(code: string, given: number): unknown[] {
  const noted: unknown[] = [];
  const f = (x: unknown) => {
    if (noted.length > 500) throw new Error('too long');
    noted.push(x);
    return x;
  };
  const body = code.replace(/^import.*$/m, '').replace('export function', 'return function');
  try {
    noted.push('returns', new Function('smtp', body)(SMTP)(f, given, 'b', undefined));
  } catch (error) {
    noted.push('throws', (error as Error).message);
  }
  return noted;
}

/** Probes that nobody traces. */
const PROBE = { enabled: false, fire() {}, fireWith() {} };
const SMTP = {
  sessionStart: PROBE,
  sessionDone: PROBE,
  delivery: {
    ...{ enabled: false, start: PROBE },
    run: (_start: unknown, work: () => unknown) => work(),
    runCallback: (_start: unknown, work: (callback: unknown) => unknown, callback: unknown) => work(callback),
  },
};
