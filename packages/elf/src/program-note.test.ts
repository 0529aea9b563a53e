import assert from 'node:assert/strict';
import { type ProgramProbes, readNotes, readProgramNote, writeProbeObject } from './index.js';
import { example } from './test-definitions.js';

const program: ProgramProbes = {
  delivery__start: { part: 'start' },
  put: { key: 'my-put', carries: { frames: 'stack', data: 'bytes', value: 'json' } },
};

describe('the note of an object', () => {
  for (const notes of [true, false]) {
    it(`says what is known to the program alone, ${notes ? 'beside' : 'without'} SDT notes`, () => {
      const definition = example({ notes, program });
      const { bytes } = writeProbeObject(definition);
      assert.deepEqual(readProgramNote(bytes), { provider: definition.provider, probes: program });
      assert.equal(readNotes(bytes).length, notes ? definition.probes.length : 0);
    });
  }

  it('is not there unless it is asked for', () => {
    assert.equal(readProgramNote(writeProbeObject(example()).bytes), undefined);
  });

  const content = (text: string) => {
    const { bytes } = writeProbeObject(example({ program: { put: { key: 'x'.repeat(200) } } }));
    const at = Buffer.from(bytes).indexOf('{"format"');
    // As long as it was.
    const length = Buffer.from(bytes).indexOf('}}}', at) + 3 - at;
    bytes.set(Buffer.from(text.padEnd(length)), at);
    return readProgramNote(bytes);
  };

  it('of another format, or damaged, is none', () => {
    assert.deepEqual(content('{"format":1,"provider":"p","probes":{}}'), { provider: 'p', probes: {} });
    for (const text of [
      '{"format":2,"provider":"p","probes":{}}',
      '{"format":1',
      '[]',
      'null',
      '{"format":1,"provider":1,"probes":{}}',
    ]) {
      assert.equal(content(text), undefined, text);
    }
  });

  it('is taken for no more than it may say', () => {
    const text =
      '{"format":1,"provider":"p","probes":{"a":1,"b":{"key":2,"part":"x","carries":{"y":"json","z":"zip"},"more":1}}}';
    assert.deepEqual(content(text), { provider: 'p', probes: { a: {}, b: { carries: { y: 'json' } } } });
  });
});
