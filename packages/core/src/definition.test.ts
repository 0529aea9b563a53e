import assert from 'node:assert/strict';
import { defineProbe } from './definition.js';
import type { ErrorCode } from './errors.js';
import { bytes, int32, json, operation, provider, stack, string, uint8 } from './index.js';

/** Wrong on purpose: what JavaScript lets pass. */
const define = provider as unknown as (name: unknown, source?: unknown, options?: unknown) => { unload(): void };
const options = string as unknown as (name: unknown, options?: unknown) => ReturnType<typeof string>;
const frames = stack as unknown as (name: unknown, options?: unknown) => ReturnType<typeof stack>;

function throws(code: ErrorCode, message: RegExp, wrong: () => unknown): void {
  assert.throws(wrong, (error: TypeError & { code: string }) => {
    assert.ok(error instanceof TypeError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.match(error.stack!, new RegExp(`^TypeError \\[${code}\\]: `));
    return true;
  });
}

const some = { probe: [int32('a')] };

describe('a definition', () => {
  it('maps names as tracers know them', () => {
    const mapped = (key: string) => defineProbe(key, []).name;
    assert.equal(mapped('session'), 'session');
    assert.equal(mapped('sessionStart'), 'session__start');
    assert.equal(mapped('session-start'), 'session__start');
    assert.equal(mapped('session_start'), 'session_start');
    assert.equal(mapped('sessionURL'), 'session__u__r__l');
    assert.equal(mapped('Session'), '__session');
    assert.equal(defineProbe('route', { name: 'Get_Users', arguments: [] }).name, 'Get_Users');
  });

  it('makes native arguments: two of bytes, one of all others', () => {
    const { native } = defineProbe('p', [uint8('a'), bytes('b'), json('c'), stack('d')]);
    assert.deepEqual(native, [
      { name: 'a', type: 'uint8' },
      { name: 'b', type: 'pointer' },
      { name: 'b_length', type: 'uint64' },
      { name: 'c', type: 'string' },
      { name: 'd', type: 'string' },
    ]);
  });

  it('takes names up to their limits', () => {
    define('p'.repeat(53), some).unload();
    define('_', { ['p'.repeat(63)]: [int32('a'.repeat(63))] }).unload();
    define('p1_', { probe: [] }).unload();
  });

  it('refuses a provider whose name some tracer cannot carry', () => {
    throws('SONDE_PROVIDER_NAME', /name is "smtp-in"; a name is a letter/, () => define('smtp-in', some));
    throws('SONDE_PROVIDER_NAME', /name is ""/, () => define('', some));
    throws('SONDE_PROVIDER_NAME', /name is "2mail"/, () => define('2mail', some));
    throws('SONDE_PROVIDER_NAME', /name is "mäil"/, () => define('mäil', some));
    throws('SONDE_PROVIDER_NAME', /name is "mail\\n"/, () => define('mail\n', some));
    throws('SONDE_PROVIDER_NAME', /name is undefined/, () => define(undefined, some));
    throws('SONDE_PROVIDER_NAME', /name is a symbol/, () => define(Symbol('smtp'), some));
    throws('SONDE_PROVIDER_NAME', /it has 54 bytes and 53 are the most/, () => define('p'.repeat(54), some));
    for (const name of ['pid', 'objc', 'oneshot']) {
      throws('SONDE_PROVIDER_NAME', /DTrace has a provider of its own of that name/, () => define(name, some));
    }
    throws('SONDE_PROVIDER_NAME', /must not end in a digit, since DTrace appends the pid/, () => define('smtp2', some));
  });

  it('refuses a probe whose name some tracer cannot carry', () => {
    throws('SONDE_PROBE_NAME', /"session start"; a name is/, () => define('p', { 'session start': [] }));
    throws('SONDE_PROBE_NAME', /"p{63}P"|it has 66 bytes and 63/, () => define('p', { [`${'p'.repeat(63)}P`]: [] }));
    throws('SONDE_PROBE_NAME', /native name "a-b"; perf cannot carry a dash: write __/, () =>
      define('p', { probe: { name: 'a-b', arguments: [] } }),
    );
    throws('SONDE_PROBE_NAME', /native name undefined/, () => define('p', { probe: { arguments: [] } }));
    throws('SONDE_PROBE_NAME', /"unload"; a provider's own method/, () => define('p', { unload: [] }));
    throws('SONDE_PROBE_NAME', /"1st"/, () => define('p', { '1st': [] }));
  });

  it('refuses what is one name to a tracer', () => {
    throws('SONDE_DUPLICATE', /two probes that tracers would know as "a__b"/, () => define('p', { aB: [], 'a-b': [] }));
    throws('SONDE_DUPLICATE', /"job__start"/, () => define('p', { job: operation(), jobStart: [] }));
    throws('SONDE_DUPLICATE', /two arguments named "a"/, () => define('p', { probe: [int32('a'), string('a')] }));
    throws('SONDE_DUPLICATE', /"b_length"/, () => define('p', { probe: [bytes('b'), int32('b_length')] }));
    throws('SONDE_DUPLICATE', /"id"/, () => define('p', { job: operation({ start: [int32('id')] }) }));
  });

  it('refuses arguments that it did not make, or that are misnamed', () => {
    throws('SONDE_DEFINITION', /argument 1 of probe "probe" is "port"/, () =>
      define('p', { probe: [int32('a'), 'port'] }),
    );
    throws('SONDE_DEFINITION', /is an object; make it with/, () =>
      define('p', { probe: [{ type: 'float', name: 'f' }] }),
    );
    throws('SONDE_DEFINITION', /argument 0 .* is a function/, () => define('p', { probe: [int32] }));
    throws('SONDE_ARGUMENT_NAME', /type int32 is named "a b"/, () => int32('a b'));
    throws('SONDE_ARGUMENT_NAME', /is named undefined/, () => (int32 as unknown as () => void)());
    throws('SONDE_ARGUMENT_NAME', /is named ""/, () => json(''));
    throws('SONDE_ARGUMENT_NAME', /is named "a{64}"/, () => int32('a'.repeat(64)));
  });

  it('checks arguments that were written by hand as those that it made', () => {
    const made = (argument: object) => defineProbe('p', [argument as never]).arguments[0];
    assert.deepEqual(made({ type: 'string', name: 'a' }), { type: 'string', name: 'a', limit: 4095 });
    assert.deepEqual(made({ type: 'stack', name: 'a', limit: 9 }), { type: 'stack', name: 'a', limit: 9, depth: 20 });
    assert.deepEqual(made({ type: 'int32', name: 'a', limit: 9 }), { type: 'int32', name: 'a' });
    for (const limit of [-3, -200, 3e9, null]) {
      throws('SONDE_ARGUMENT_OPTION', /limit is/, () => define('p', { probe: [{ type: 'string', name: 'a', limit }] }));
    }
    throws('SONDE_ARGUMENT_NAME', /is named "not a name!"/, () =>
      define('p', { probe: [{ type: 'json', name: 'not a name!' }] }),
    );
  });

  it('refuses options and parts that it does not know', () => {
    throws('SONDE_ARGUMENT_OPTION', /no option "limt"; the options of string are limit/, () =>
      options('s', { limt: 5 }),
    );
    throws('SONDE_ARGUMENT_OPTION', /no option "depth"/, () => options('s', { depth: 5 }));
    throws('SONDE_DEFINITION', /given "strat"; it takes start, done, name/, () => operation({ strat: [] } as never));
  });

  it('refuses options out of their range', () => {
    for (const limit of [0, -1, 1.5, 2 ** 20 + 1, Number.NaN, '10', null]) {
      throws(
        'SONDE_ARGUMENT_OPTION',
        /argument "s": limit is .*; give a whole number of bytes of UTF-8 from 1 to 1048576/,
        () => options('s', { limit }),
      );
    }
    throws('SONDE_ARGUMENT_OPTION', /argument "s": options are 10; give an object/, () => options('s', 10));
    throws('SONDE_ARGUMENT_OPTION', /argument "s": options are null/, () => frames('s', null));
    throws('SONDE_ARGUMENT_OPTION', /argument "s": depth is 201; give a whole number of frames from 1 to 200/, () =>
      frames('s', { depth: 201 }),
    );
  });

  it('refuses what is no list of arguments', () => {
    throws('SONDE_DEFINITION', /probe "probe" is undefined; give a list/, () => define('p', { probe: undefined }));
    throws('SONDE_DEFINITION', /probe "probe" is "x"/, () => define('p', { probe: { name: 'x', arguments: 'x' } }));
    throws('SONDE_DEFINITION', /start of operation "job" is an object/, () =>
      define('p', { job: operation({ start: {} as [] }) }),
    );
    throws('SONDE_DEFINITION', /operation\(\) was given null/, () => operation(null as never));
  });

  it('takes names that only DTrace has, and refuses those that it cannot carry', () => {
    const probe = { name: 'a', arguments: [] };
    define('p', { probe: { ...probe, function: 'Mail.deliver$1-`x_' } }, { module: 'm'.repeat(63) }).unload();
    define('p', { probe: { ...probe, function: 'f'.repeat(127) } }, {}).unload();
    for (const wrong of ['', '.', '..', 'f'.repeat(128), 'a:b', 'a b', 'ä', 7, null]) {
      throws('SONDE_PLACE_NAME', /the function of probe "probe" is .*; give 1 to 127 letters/, () =>
        define('p', { probe: { ...probe, function: wrong } }),
      );
    }
    for (const module of ['', '.', '..', 'm'.repeat(64), '@scope/mail', 7, null]) {
      throws('SONDE_PLACE_NAME', /the module of provider "p" is .*; give 1 to 63 letters/, () =>
        define('p', { probe: [] }, { module }),
      );
    }
    throws('SONDE_DEFINITION', /options of provider "p" are null; give an object/, () =>
      define('p', { probe: [] }, null),
    );
    throws('SONDE_DEFINITION', /no option "modul"; the option is module/, () =>
      define('p', { probe: [] }, { modul: 'a' }),
    );
  });

  it('refuses what is no object of probes', () => {
    throws('SONDE_DEFINITION', /provider "p" are undefined/, () => define('p'));
    throws('SONDE_DEFINITION', /provider "p" are an array/, () => define('p', []));
    throws('SONDE_DEFINITION', /provider "p" has no probes/, () => define('p', {}));
  });

  it('refuses the thirteenth native argument', () => {
    const twelve = Array.from({ length: 12 }, (_, index) => int32(`a${index}`));
    define('p', { probe: twelve }).unload();
    throws('SONDE_ARGUMENT_COUNT', /has 13 native arguments and 12 are the most/, () =>
      define('p', { probe: [...twelve, int32('b')] }),
    );
    throws('SONDE_ARGUMENT_COUNT', /has 13/, () => define('p', { probe: [...twelve.slice(1), bytes('b')] }));
    throws('SONDE_ARGUMENT_COUNT', /"job__done" has 13/, () =>
      define('p', { job: operation({ done: twelve.slice(1) }) }),
    );
  });
});
