import assert from 'node:assert/strict';
import { isFile, wanted } from './wanted.js';

describe('names of functions that somebody asks for', () => {
  const NAMES = [
    'deliver',
    'Mail.deliver',
    'new Mail',
    'Mail.get size',
    'Mail.#deliver',
    '(anonymous)',
    'undeliverable',
  ];
  const CASES: Record<string, string[]> = {
    deliver: ['deliver', 'Mail.deliver'],
    'Mail.deliver': ['Mail.deliver'],
    'Mail.*': ['Mail.deliver', 'new Mail', 'Mail.get size', 'Mail.#deliver'],
    'Mail.size': ['Mail.get size'],
    size: ['Mail.get size'],
    'new Mail': ['new Mail'],
    'Mail.constructor': ['new Mail'],
    '*deliver*': ['deliver', 'Mail.deliver', 'Mail.#deliver', 'undeliverable'],
    '*': NAMES,
    'a.b+c': [],
  };
  for (const [name, expected] of Object.entries(CASES)) {
    it(`${name} is ${expected.join(', ') || 'none'}`, () => {
      assert.deepEqual(
        NAMES.filter((each) => wanted(name).isNamed(each)),
        expected,
      );
      const inFile = wanted(`src/mail.ts:${name}`);
      assert.deepEqual([inFile.file, NAMES.filter((each) => inFile.isNamed(each))], ['src/mail.ts', expected]);
    });
  }

  it('may be a line of a file', () => {
    const { file, line } = wanted('mail.ts:42');
    assert.deepEqual([file, line], ['mail.ts', 42]);
    assert.equal(isFile('/app/src/mail.ts', 'mail.ts'), true);
    assert.equal(isFile('/app/src/mail.ts', './src/mail.ts'), true);
    assert.equal(isFile('/app/src/email.ts', 'mail.ts'), false);
    assert.equal(isFile('C:\\app\\mail.ts', 'app/mail.ts'), true);
  });

  it('are looked for in sources that may define them', () => {
    const { mayBeIn } = wanted('Mail.deliver');
    for (const source of [
      'function deliver() {}',
      'class Mail { deliver() {} }',
      'const deliver = (x) => x',
      'exports.deliver = function () {}',
      '({ deliver: () => 1 })',
      `({ 'deliver'() {} })`,
      `x['deliver'] = () => {}`,
      'async deliver () {}',
      'deliver=a=>a',
    ]) {
      assert.equal(mayBeIn(source), true, source);
    }
    for (const source of ['mail.deliver(1)', 'undeliver()', 'x.deliver', 'nothing']) {
      assert.equal(mayBeIn(source), false, source);
    }
  });

  it('are refused where they are none', () => {
    for (const name of ['', ' ']) assert.throws(() => wanted(name), /is no name of a function: give deliver/);
  });
});
