import assert from 'node:assert/strict';
import { distinction, functionName, moduleName, probeName, providerName } from './names.js';

const PROBE = /^[a-zA-Z_][a-zA-Z0-9_]{0,62}$/;
const PROVIDER = /^(?!pid$|objc$|oneshot$)(?!.*\d$)[a-zA-Z_][a-zA-Z0-9_]{0,52}$/;
const MARK = /_x[a-p]{12}$/;

/** What is likely to meet: short names of few characters, and what they become. */
function* crowd(): Generator<string> {
  const characters = ['a', '1', '-', '_', ':', '\ud800', '\ud801', ' '];
  let names = [''];
  for (let length = 0; length <= 4; length++) {
    yield* names;
    names = names.flatMap((name) => characters.map((character) => name + character));
  }
  for (const long of ['a', '-', '_', 'a-', '1'])
    for (const length of [26, 31, 52, 53, 54, 62, 63, 64, 200]) yield long.repeat(length);
  for (const name of [
    'pid',
    'objc',
    'oneshot',
    'pid_',
    'get foo',
    'getfoo:bar',
    'getfoo',
    'http2',
    'http2_',
    'http2__',
    'http2-',
  ])
    yield name;
}

describe('Names of other people', () => {
  it('stay as they are, with __ for a dash, where tools can carry them', () => {
    const mapped = {
      probe: 'probe',
      firstProbe: 'firstProbe',
      'log-info': 'log__info',
      'a-_b': 'a___b',
      _: '_',
      'a--': 'a____',
    };
    for (const [name, native] of Object.entries(mapped)) assert.equal(probeName(name), native);
    const providers = { bunyan: 'bunyan', 'my-app': 'my__app', http2: 'http2_', http2_: 'http2__' };
    for (const [name, native] of Object.entries(providers)) assert.equal(providerName(name), native);
  });

  it('are readable where they cannot, and end in a mark', () => {
    assert.match(probeName('getfoo:bar'), /^getfoo_bar_x[a-p]{12}$/);
    assert.match(probeName('GET /users/:id'), /^GET_users_id_x[a-p]{12}$/);
    assert.match(probeName(''), /^_x[a-p]{12}$/);
    assert.match(probeName('1st'), /^_1st_x[a-p]{12}$/);
    assert.match(probeName('a__b'), /^a__b_x[a-p]{12}$/, 'a-b is a__b');
    assert.match(probeName('a'.repeat(64)), /^a{49}_x[a-p]{12}$/);
    assert.match(providerName('pid'), /^pid_x[a-p]{12}$/);
  });

  it('are the same on every machine', () => {
    assert.equal(probeName('getfoo:bar'), 'getfoo_bar_xmhcjkmpilnec');
  });

  for (const [what, map, form] of [
    ['probes', probeName, PROBE],
    ['providers', providerName, PROVIDER],
  ] as const) {
    it(`of ${what} never meet, be they mapped once or again`, () => {
      const seen = new Map<string, string>();
      const take = (name: string) => {
        const native = map(name);
        assert.match(native, form, JSON.stringify(name));
        assert.equal(map(name), native);
        assert.equal(seen.get(native) ?? name, name, `${JSON.stringify(name)} meets another at ${native}`);
        seen.set(native, name);
        return native;
      };
      const once = [...crowd()].map(take);
      for (const name of once) take(name);
      assert.ok(once.some((name) => MARK.test(name)));
    });
  }

  it('are what DTrace takes for a module or a function', () => {
    const form = /^(?!\.\.?$)[a-zA-Z0-9_.$`-]+$/;
    for (const name of crowd()) {
      for (const [place, most] of [
        [moduleName(name), 63],
        [functionName(name) + distinction(name), 127],
      ] as const) {
        assert.match(place, form);
        assert.ok(place.length <= most);
      }
    }
    assert.equal(functionName('log-info'), 'log-info');
    assert.equal(moduleName('mod-0x1f'), 'mod-0x1f');
  });
});
