import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SourceCache } from './cache.js';
import { placesOf } from './functions.js';

const MADE = { code: 'function f() {\n}\n// naïve 😀', functions: placesOf([{ name: 'naïve', line: 1, column: 0 }]) };
const HASH = 'ab'.repeat(32);

describe('the cache of sources with probes', () => {
  let folder: string;
  let made = 0;
  const { SONDE_DIR } = process.env;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-cache-'));
    process.env.SONDE_DIR = folder;
    made = 0;
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
    if (SONDE_DIR === undefined) delete process.env.SONDE_DIR;
    else process.env.SONDE_DIR = SONDE_DIR;
  });

  const get = (result: typeof MADE | undefined = MADE, hash = HASH) =>
    new SourceCache().get(hash, () => {
      made++;
      return result;
    });
  const age = (path: string, days: number) => {
    const time = Date.now() / 1000 - days * 24 * 60 * 60;
    utimesSync(path, time, time);
  };
  const file = () => join(folder, 'functions', `${HASH}.js`);

  it('makes a source once, for all processes of the user', () => {
    assert.deepEqual([get(), get(), get()], [MADE, MADE, MADE]);
    assert.equal(made, 1);
    assert.equal(statSync(file()).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, 'functions')).mode & 0o777, 0o700);
  });

  it('knows which sources have no functions', () => {
    const none = () => new SourceCache().get(HASH, () => void made++ as undefined);
    assert.deepEqual([none(), none()], [undefined, undefined]);
    assert.equal(made, 1);
  });

  it('keeps nothing of a source that cannot be parsed', () => {
    const wrong = () =>
      new SourceCache().get(HASH, () => {
        throw new SyntaxError('no');
      });
    assert.throws(wrong, SyntaxError);
    assert.deepEqual(readdirSync(join(folder, 'functions')), []);
  });

  it('writes a damaged file anew', () => {
    get();
    const whole = readFileSync(file());
    for (const damaged of [whole.subarray(0, 60), Buffer.alloc(0), Buffer.concat([whole, Buffer.from(' ')])]) {
      writeFileSync(file(), damaged);
      made = 0;
      assert.deepEqual(get(), MADE);
      assert.equal(made, 1);
      assert.deepEqual(readFileSync(file()), whole);
    }
  });

  it('removes, once a day, what was not used for a month, and nothing else', () => {
    const [old, used, added, later] = ['01', '02', '03', '04'].map((digits) => digits.repeat(32)) as [
      string,
      string,
      string,
      string,
    ];
    for (const hash of [old, used]) get(MADE, hash);
    const path = (name: string) => join(folder, 'functions', name);
    age(path(`${old}.js`), 31);
    age(path(`${used}.js`), 31);
    writeFileSync(path('notes.js'), 'somebody else put this here');
    age(path('notes.js'), 31);
    symlinkSync('notes.js', path(`${'05'.repeat(32)}.js`));
    const kept = () =>
      readdirSync(join(folder, 'functions'))
        .filter((name) => !['.looked', '.parts'].includes(name))
        .sort();

    get(MADE, used);
    get(MADE, added);
    assert.equal(kept().length, 5, 'somebody looked today');
    age(path('.looked'), 2);
    get(MADE, later);
    const names = [used, added, later, '05'.repeat(32)].map((hash) => `${hash}.js`);
    assert.deepEqual(kept(), [...names, 'notes.js']);
    assert.ok(Date.now() - statSync(path('.looked')).mtimeMs < 60_000);
  });

  it('removes what was used longest ago where there is too much', () => {
    const most = 128 * 2 ** 20;
    const hashes = ['01', '02', '03'].map((digits) => digits.repeat(32));
    hashes.forEach((hash, index) => {
      get(MADE, hash);
      const path = join(folder, 'functions', `${hash}.js`);
      // Without anything in them: no disk is filled.
      truncateSync(path, most / 2);
      age(path, 3 - index);
    });
    age(join(folder, 'functions', '.looked'), 2);
    get();
    // What was just made is the newest.
    assert.deepEqual(readdirSync(join(folder, 'functions')).sort(), [
      '.looked',
      '.parts',
      `${hashes[2]}.js`,
      `${HASH}.js`,
    ]);
  });

  it('looks for that again where much was put into it since', () => {
    get(MADE, '01'.repeat(32));
    const old = join(folder, 'functions', `${'02'.repeat(32)}.js`);
    writeFileSync(old, '');
    age(old, 31);
    const large = { ...MADE, code: 'x'.repeat(2 ** 22) };
    for (let i = 0; i < 3; i++) get(large, `0${i}`.repeat(16).padEnd(64, 'a'));
    assert.ok(existsSync(old));
    for (let i = 3; i < 6; i++) get(large, `0${i}`.repeat(16).padEnd(64, 'a'));
    assert.ok(!existsSync(old));
  });

  it('keeps source maps, whole ones, as files that Node.js reads', () => {
    const cache = new SourceCache();
    const map = (text = '{"version":3,"mappings":"AAAA"}') =>
      cache.map(HASH, () => {
        made++;
        return text;
      });
    const path = map();
    assert.equal(path, join(folder, 'functions', `${HASH}.json`));
    assert.equal(JSON.parse(readFileSync(path, 'utf8')).mappings, 'AAAA');
    assert.deepEqual([map(), made], [path, 1]);
    truncateSync(path, 20);
    map();
    assert.deepEqual([JSON.parse(readFileSync(path, 'utf8')).mappings, made], ['AAAA', 2]);
    chmodSync(path, 0o666);
    assert.match(map(), /^data:application\/json;base64,/);
  });

  it('finds what is there, and makes nothing', () => {
    assert.equal(new SourceCache().find(HASH), undefined);
    get();
    assert.deepEqual(new SourceCache().find(HASH), MADE);
    assert.equal(made, 1);
  });

  it('takes nothing that others may have written', () => {
    get();
    const whole = readFileSync(file());
    const foreign = { code: 'evil()', functions: placesOf([]) };
    chmodSync(file(), 0o666);
    assert.deepEqual(get(foreign), foreign);
    chmodSync(file(), 0o600);
    assert.deepEqual(get(foreign), MADE);

    writeFileSync(join(folder, 'elsewhere'), whole, { mode: 0o600 });
    rmSync(file());
    symlinkSync(join(folder, 'elsewhere'), file());
    assert.deepEqual(get(foreign), foreign);

    rmSync(file());
    writeFileSync(file(), whole, { mode: 0o600 });
    chmodSync(join(folder, 'functions'), 0o777);
    assert.deepEqual(get(foreign), foreign);
  });
});
