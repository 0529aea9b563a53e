import assert from 'node:assert/strict';
import { printable, printableValue } from './escape.js';
import { json } from './json.js';

describe('output', () => {
  it('holds nothing that a terminal acts on', () => {
    assert.equal(printable('a\x1b[2J\x07\x9bb\u202e\n'), 'a\\x1b[2J\\x07\\x9bb\\u202e\\n');
    assert.equal(printable('naïve – 😀'), 'naïve – 😀');
    assert.equal(printable('\ud83d'), '\\ud83d');
  });

  it('keeps values apart', () => {
    assert.deepEqual(['plain', '', 'a b', 'a=b', 'say "x"', 'back\\slash', 'x\ty'].map(printableValue), [
      ...['plain', '""', '"a b"', '"a=b"', '"say \\"x\\""', 'back\\slash', '"x\\ty"'],
    ]);
  });

  it('is JSON in which whole numbers keep their digits', () => {
    const text = json({
      big: 2n ** 64n - 1n,
      no: undefined,
      list: [1, undefined, -1n],
      text: '\x1b\x9b\u2028"',
      ok: true,
    });
    assert.equal(text, '{"big":18446744073709551615,"list":[1,null,-1],"text":"\\u001b\\u009b\\u2028\\"","ok":true}');
    assert.equal(JSON.parse(text).text, '\x1b\x9b\u2028"');
    assert.equal(json(new Uint8Array([0, 255])), '"AP8="');
  });
});
