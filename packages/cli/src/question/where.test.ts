import assert from 'node:assert/strict';
import type { Argument, Kind, Probe } from '../model.js';
import { argumentsOf, type Condition, holds, missingArgument, parseCondition } from './where.js';

const argument = (name: string, kind: Kind, type: string): Argument => ({
  name,
  type,
  kind,
  size: 8,
  operand: { size: 8, float: false, operand: '%rdi' },
});
const probe: Probe = {
  provider: 'p',
  name: 'q',
  symbol: undefined,
  offset: 0,
  semaphore: undefined,
  arguments: [
    argument('text', 'text', 'string'),
    argument('n', 'signed', 'int64'),
    argument('ok', 'boolean', 'boolean'),
    argument('data', 'bytes', 'bytes'),
  ],
};

describe('a condition', () => {
  const values = { text: 'bank.example', n: 2_000_000n, ok: true } as Record<string, bigint | string | boolean>;

  for (const [text, expected] of Object.entries({
    'text == "bank.example"': true,
    "text == 'bank.example'": true,
    'text != "bank.example"': false,
    'text ~ "*.example"': true,
    'text ~ "bank?example"': true,
    'text ~ "bank"': false,
    'n > 1ms': true,
    'n == 2ms': true,
    'n >= 0.002s': true,
    'n < 1.5ms': false,
    'n > 1.9MB': true,
    'n == 0x1e8480': true,
    'n > -5': true,
    ok: true,
    'ok == false': false,
    '!ok': false,
    '!(n > 1s) && ok': true,
    'n > 1s || text == "x" && ok': false,
    'n > 1s || text ~ "*" && ok': true,
    '(n > 1s || ok) && text != ""': true,
    // What could not be read makes no comparison true.
    'unread == 1': false,
    'unread != 1': false,
  })) {
    it(`${text} is ${expected}`, () => {
      assert.equal(
        holds(parseCondition(text), (name) => values[name]),
        expected,
      );
    });
  }

  it('is exact beyond 2^53', () => {
    const most = 2n ** 64n - 1n;
    assert.equal(
      holds(parseCondition(`n == ${most}`), () => most),
      true,
    );
    assert.equal(
      holds(parseCondition(`n == ${most - 1n}`), () => most),
      false,
    );
  });

  it('understands escapes', () => {
    assert.deepEqual((parseCondition('text == "a\\"b\\n\\\\"') as Condition & { type: 'comparison' }).value, 'a"b\n\\');
  });

  for (const [text, message] of Object.entries({
    '': /an argument's name is expected\n {2}\n {2}\^$/,
    'n >': /a number, a text in quotes, true or false is expected/,
    'n = 1': /== compares/,
    'n > 1parsec': /parsec is no unit; there are ns, us/,
    '(n > 1': /a \) is missing/,
    'n > 1 n': /&&, \|\| or the end is expected\n {2}n > 1 n\n {8}\^$/,
    'text == bank': /a number, a text in quotes/,
    'text == "bank': /a number, a text in quotes/,
  })) {
    it(`${JSON.stringify(text)} is refused, with the place`, () => {
      assert.throws(() => parseCondition(text), message);
    });
  }

  for (const [text, message] of Object.entries({
    'text > "a"': /text of p:q is a string, which is compared by ==, != and ~, not by >$/,
    'text == 1': /text of p:q is a string; compare it with a text in quotes: text == "text"$/,
    'n == "1"': /n of p:q is an int64; compare it with a number: n == 1$/,
    'n ~ 1': /~ compares texts$/,
    'data == "x"': /data of p:q is a bytes, which cannot be compared$/,
  })) {
    it(`${text} is refused of such an argument`, () => {
      assert.throws(() => missingArgument(parseCondition(text), probe), message);
    });
  }

  it('names what a probe has not', () => {
    assert.equal(missingArgument(parseCondition('n > 1 && (m > 2 || ok)'), probe), 'm');
    assert.equal(missingArgument(parseCondition('n > 1 && pid == 2'), probe), undefined);
    assert.deepEqual(argumentsOf(parseCondition('n > 1 && !(m > 2 || ok)')), ['n', 'm', 'ok']);
  });
});
