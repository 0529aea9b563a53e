import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { checkCanBeKnown, count, describe as described, firstIdOf, makeKnown, placesOf } from './functions.js';

const ids = 2 ** 16;
let files = 2 ** 20;

/** A file of its own for each test: what is known stays known. */
const fresh = () => ({ name: `/app/${++files}.js`, at: files * ids });

const functions = (...names: string[]) => placesOf(names.map((name, index) => ({ name, line: index + 1, column: 0 })));

describe('the functions that have probes', () => {
  it('are described by their ids, and those of nobody by nothing', () => {
    const { name, at } = fresh();
    makeKnown(at, { name, functions: functions('f', 'g') });
    assert.deepEqual(described(at + 1), { file: name, name: 'g', line: 2 });
    assert.deepEqual(described(at + 2), { file: '', name: '', line: 0 });
    assert.deepEqual(described(at + ids), { file: '', name: '', line: 0 });
    assert.equal(firstIdOf('ffffffff00') % ids, 0);
    assert.ok(Number.isSafeInteger(firstIdOf('ffffffff00') + ids - 1));
  });

  it('of a file that is loaded again and again are those of its last versions; of older ones the file is known', () => {
    const { name, at } = fresh();
    const before = count();
    const version = (number: number) => at + number * ids;
    for (let i = 0; i < 20; i++) makeKnown(version(i), { name, functions: functions(`f${i}`, 'g') });
    files += 30;
    assert.deepEqual(count(), { files: before.files + 1, functions: before.functions + 2 });
    assert.deepEqual(described(version(19)), { file: name, name: 'f19', line: 1 });
    assert.deepEqual(described(version(12)), { file: name, name: 'f12', line: 1 });
    assert.deepEqual(described(version(11)), { file: name, name: '', line: 0 });
    // The same text again is the same version, and the newest now.
    makeKnown(version(12), { name, functions: functions('f12', 'g') });
    for (let i = 20; i < 27; i++) makeKnown(version(i), { name, functions: functions(`f${i}`) });
    assert.deepEqual(described(version(12)), { file: name, name: 'f12', line: 1 });
    assert.deepEqual(described(version(19)), { file: name, name: '', line: 0 });
    assert.deepEqual(count(), { files: before.files + 1, functions: before.functions + 1 });
  });

  it('take no more memory for each load once there are so many', function () {
    this.timeout(60_000);
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc');
    const { name, at } = fresh();
    const load = (from: number, to: number) => {
      for (let i = from; i < to; i++) {
        makeKnown(at + i * ids, { name, functions: functions(...Array.from({ length: 40 }, (_, n) => `f${i}of${n}`)) });
      }
      gc();
      return process.memoryUsage().heapUsed;
    };
    files += 30_000;
    const before = load(0, 6000);
    const grown = load(6000, 30_000) - before;
    // Without a limit it is some 25 MB.
    assert.ok(grown < 4e6, `${grown} bytes`);
  });

  it('are refused where there are too many, in a file or in all, and where another file has their ids', () => {
    const { name, at } = fresh();
    assert.throws(
      () => checkCanBeKnown(at, { name, functions: { count: ids + 1, text: '' } }),
      /more than 65536 functions/,
    );
    makeKnown(at, { name, functions: functions('f') });
    checkCanBeKnown(at, { name, functions: functions('f') });
    assert.throws(() => checkCanBeKnown(at, { name: '/other.js', functions: functions('f') }), /would have the ids of/);
    const other = fresh();
    assert.throws(() => {
      for (let i = 0; i < 20; i++) {
        const file = { name: `${other.name}.${i}.js`, functions: { count: ids, text: '[]' } };
        checkCanBeKnown(other.at + i * ids, file);
        makeKnown(other.at + i * ids, file);
      }
    }, /functions have probes: name fewer files in SONDE_FUNCTIONS/);
  });
});
