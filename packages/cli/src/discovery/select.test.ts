import assert from 'node:assert/strict';
import { fullName, type Probe, type TracedObject } from '../model.js';
import { select } from './select.js';

const probe = (name: string, part?: 'start' | 'done' | 'error'): Probe => ({
  provider: 'smtp',
  name,
  symbol: undefined,
  offset: 0,
  semaphore: undefined,
  arguments: [],
  ...(part && { part }),
});

const object: TracedObject = {
  id: '1',
  name: 'smtp.so',
  path: '/smtp.so',
  content: '/smtp.so',
  architecture: 'x64',
  hasNotes: true,
  probes: [
    probe('session__start'),
    probe('session__done'),
    probe('delivery__start', 'start'),
    probe('delivery__done', 'done'),
    probe('delivery__error', 'error'),
    probe('Own_Name'),
  ],
  processes: [],
};

const names = (...patterns: string[]) => select([object], patterns).flatMap(({ probes }) => probes.map(fullName));

describe('names of probes', () => {
  for (const spelling of ['session-start', 'session__start', 'sessionStart', 'smtp:session-start', 's*:sessionS*']) {
    it(`${spelling} is session__start`, () => {
      assert.deepEqual(names(spelling), ['smtp:session__start']);
    });
  }

  it('of an operation stand for its parts', () => {
    const parts = ['smtp:delivery__start', 'smtp:delivery__done', 'smtp:delivery__error'];
    assert.deepEqual(names('delivery'), parts);
    assert.deepEqual(names('smtp:deliv*'), parts);
    assert.deepEqual(names('delivery.done'), ['smtp:delivery__done']);
  });

  it('may be patterns, and names that tracers know', () => {
    assert.equal(names('*').length, 6);
    assert.deepEqual(names('session-{start,done}'), ['smtp:session__start', 'smtp:session__done']);
    assert.deepEqual(names('Own_Name'), ['smtp:Own_Name']);
  });

  it('that are none are refused, with those that come close', () => {
    assert.throws(
      () => names('sesion-start'),
      /no probe is called "sesion-start"; did you mean smtp:session__start\?$/,
    );
    assert.throws(() => names('quite:different'), /there are smtp:Own_Name, smtp:delivery__done/);
    assert.throws(() => names(':x'), /give PROVIDER:PROBE, or PROBE alone/);
    assert.throws(() => names('a:b:c'), /give PROVIDER:PROBE/);
    assert.throws(() => select([], ['x']), /there are no probes at all/);
  });
});
