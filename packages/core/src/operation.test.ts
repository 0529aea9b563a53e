import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { createContext, runInContext } from 'node:vm';
import { json, operation, provider, string, uint32 } from './index.js';
import { type Recorder, record } from './testing.js';

describe('an operation', () => {
  const work = provider('operations', {
    job: operation({ start: [string('what')], done: [uint32('size')] }),
    bare: operation(),
    named: operation({ name: 'other', done: [json('result')] }),
  });
  let recorder: Recorder;
  beforeEach(() => {
    recorder = record();
  });
  afterEach(() => recorder.stop());
  const names = () => recorder.fired.map(({ probe }) => probe);

  it('fires start and done around a synchronous function', () => {
    assert.equal(
      work.job.run(
        ['sync'],
        () => 'four',
        (result) => [result.length],
      ),
      'four',
    );
    assert.deepEqual(names(), ['job__start', 'job__done']);
    const [start, done] = recorder.fired;
    assert.equal(start!.values.what, 'sync');
    assert.equal(done!.values.size, 4);
    assert.equal(done!.values.id, start!.values.id);
    assert.ok((done!.values.ns as number) > 0);
  });

  it('fires error for what is thrown, and throws it on', () => {
    const error = new RangeError('too far');
    assert.throws(
      () =>
        work.job.run(['sync'], () => {
          throw error;
        }),
      (thrown) => thrown === error,
    );
    assert.deepEqual(names(), ['job__start', 'job__error']);
    assert.equal(recorder.fired[1]!.values.message, 'too far');
  });

  it('follows a promise, and gives concurrent runs ids of their own', async () => {
    const results = await Promise.all(
      [30, 10, 20].map((ms) =>
        work.job.run(
          [`${ms}`],
          () => new Promise<number>((resolve) => setTimeout(resolve, ms, ms)),
          (size) => [size],
        ),
      ),
    );
    assert.deepEqual(results, [30, 10, 20]);
    assert.equal(new Set(recorder.of('operations', 'job__start').map(({ values }) => values.id)).size, 3);
    for (const { values } of recorder.of('operations', 'job__done')) {
      assert.ok((values.ns as number) >= ((values.size as number) - 2) * 1e6);
      const start = recorder.of('operations', 'job__start').find((each) => each.values.id === values.id);
      assert.equal(start!.values.what, `${values.size}`);
    }
  });

  it('leaves a rejection that nobody handles to be reported, with its promise', async () => {
    const listeners = process.rawListeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    class Query extends Promise<number> {}
    const reasons = [
      new Error('forgotten'),
      Object.assign(new TypeError('of two\nlines'), { code: 'E_TWO' }),
      'no error',
      new Error('of a subclass'),
    ];
    const reported: unknown[] = [];
    process.on('unhandledRejection', (reason, promise) => reported.push([reason, promise]));
    const promises = [
      ...reasons.slice(0, 3).map((reason) =>
        work.job.run(['async'], async () => {
          await null;
          throw reason;
        }),
      ),
      work.job.run(['subclass'], () => Query.reject(reasons[3])),
    ];
    await turn();
    process.removeAllListeners('unhandledRejection');
    for (const listener of listeners) process.on('unhandledRejection', listener as () => void);
    const inOrder = (list: unknown[]) =>
      list.toSorted((a, b) => reasons.indexOf((a as never)[0]) - reasons.indexOf((b as never)[0]));
    assert.deepEqual(
      inOrder(reported),
      reasons.map((reason, index) => [reason, promises[index]]),
    );
    assert.deepEqual(
      recorder
        .of('operations', 'job__error')
        .map(({ values }) => values.message)
        .toSorted(),
      ["'no error'", 'forgotten', 'of a subclass', 'of two\nlines'],
    );
  });

  it('hands back the promise that the work made, whatever it is', async () => {
    class Query extends Promise<number> {}
    const hidden = Object.defineProperty(Promise.resolve(1), 'cancel', { value: () => 'cancelled' });
    const promises: Promise<number>[] = [
      Query.resolve(1),
      Object.assign(Promise.resolve(2), { pid: 1 }),
      hidden,
      Object.freeze(Promise.resolve(4)),
      new Promise((resolve) => setTimeout(resolve, 1, 5)),
      runInContext('Promise.resolve(6)', createContext()),
      runInContext('Promise.resolve().then(() => 7)', createContext()),
    ];
    for (const promise of promises) {
      assert.equal(
        work.job.run(
          ['a'],
          () => promise,
          (size) => [size],
        ),
        promise,
      );
    }
    const sizes = await Promise.all(promises);
    await turn();
    assert.deepEqual(
      recorder
        .of('operations', 'job__done')
        .map(({ values }) => values.size)
        .toSorted(),
      sizes.toSorted(),
    );
  });

  it('follows one promise for several operations, whether it is settled, handled or neither', async () => {
    const later = new Promise<number>((resolve) => setTimeout(resolve, 1, 3));
    const run = (promise: Promise<number>) =>
      work.bare.run([], () =>
        work.job.run(
          [''],
          () => promise,
          (size) => [size],
        ),
      );
    await run(later);
    assert.equal(await run(later), 3);
    run(later);
    run(Promise.resolve(3));
    await turn();
    assert.deepEqual(
      [recorder.of('operations', 'job__done').length, recorder.of('operations', 'bare__done').length],
      [4, 4],
    );
  });

  it('changes nothing of the order in which the program\u2019s callbacks run', async () => {
    const order = async () => {
      const seen: string[] = [];
      const step = async (name: string, promise: () => Promise<unknown>) => {
        for (let i = 0; i < 3; i++) {
          await promise();
          seen.push(`${name}${i}`);
        }
      };
      const rejected = async () => {
        throw new Error('seen');
      };
      await Promise.all([
        step('operation', () => work.bare.run([], async () => null)),
        step('plain', async () => null),
        step('failing', () => work.bare.run([], rejected).catch(() => {})),
        step('plainly', () => rejected().catch(() => {})),
        step('returned', async () => work.bare.run([], () => Promise.resolve())),
      ]);
      return seen;
    };
    const traced = await order();
    recorder.stop();
    assert.deepEqual(traced, await order());
  });

  it('tells the time when the promise was settled, not when somebody asked', async () => {
    const slow = work.bare.run([], async () => {
      await turn();
    });
    await new Promise((resolve) => setTimeout(resolve, 60));
    await slow;
    const [done] = recorder.of('operations', 'bare__done');
    assert.ok((done!.values.ns as number) < 50e6, `${done!.values.ns} ns`);
  });

  it('does not touch other thenables: they may begin their work when asked for it', () => {
    const lazy = {
      // biome-ignore lint/suspicious/noThenProperty: what is tested
      then() {
        throw new Error('asked');
      },
    };
    assert.equal(
      work.bare.run([], () => lazy as unknown),
      lazy,
    );
    assert.deepEqual(names(), ['bare__start', 'bare__done']);
  });

  it('follows a callback: this, arguments and result stay what they were', () => {
    const target = {};
    let called: unknown[] = [];
    const result = work.job.runCallback(
      ['callback'],
      (callback) => {
        assert.equal(Reflect.apply(callback, target, [null, 'abc']), 'from the callback');
        Reflect.apply(callback, target, [null, 'again']);
        return 'from the work';
      },
      function (this: unknown, ...args: [error?: unknown, text?: string]) {
        called = [this, ...args];
        return 'from the callback';
      },
      (text) => [text?.length ?? 0],
    );
    assert.equal(result, 'from the work');
    assert.equal(called[0], target);
    assert.deepEqual(called.slice(1), [null, 'again']);
    assert.deepEqual(names(), ['job__start', 'job__done']);
    assert.equal(recorder.fired[1]!.values.size, 3);
  });

  it('fires error for a callback with an error, and for work that throws before it', () => {
    work.bare.runCallback(
      [],
      (callback) => callback(new Error('late')),
      () => {},
    );
    assert.throws(() =>
      work.bare.runCallback(
        [],
        () => {
          throw new Error('early');
        },
        () => {},
      ),
    );
    assert.deepEqual(
      recorder.of('operations', 'bare__error').map(({ values }) => values.message),
      ['late', 'early'],
    );
  });

  it('has the name that it is given', () => {
    work.named.run(
      [],
      () => ({ a: 1 }),
      (result) => [result],
    );
    assert.deepEqual(names(), ['other__start', 'other__done']);
    assert.equal(recorder.fired[1]!.values.result, '{"a":1}');
  });

  it('survives a done function that throws, and values that are none', () => {
    const run = work.job.run.bind(work.job) as unknown as (...args: unknown[]) => unknown;
    const thrower = () => {
      throw new Error('mine');
    };
    assert.equal(
      run(['a'], () => 1, thrower),
      1,
    );
    assert.equal(
      run(
        'not a list',
        () => 2,
        () => 'not a list',
      ),
      2,
    );
    assert.equal(
      run(undefined, () => 3),
      3,
    );
    assert.deepEqual(
      recorder.of('operations', 'job__start').map(({ values }) => values.what),
      ['a', '<not a string: undefined>', '<not a string: undefined>'],
    );
  });

  it('survives proxies that are revoked or throw in the place of values', () => {
    const { proxy: revoked, revoke } = Proxy.revocable([], {});
    revoke();
    const throwing = new Proxy(['a'], {
      get() {
        throw new Error('trap');
      },
    });
    const run = work.job.run.bind(work.job) as unknown as (...args: unknown[]) => unknown;
    for (const values of [revoked, throwing]) {
      assert.equal(
        run(
          values,
          () => 'result',
          () => values,
        ),
        'result',
      );
    }
    assert.deepEqual(names(), ['job__start', 'job__done', 'job__start', 'job__done']);
  });

  it('hands back promises that cannot be followed', async () => {
    class Timed extends Promise<number> {
      constructor(ms: number) {
        super((resolve) => setTimeout(resolve, ms, ms));
      }
    }
    const timed = new Timed(1);
    assert.equal(
      work.job.run(
        ['a'],
        () => timed,
        (ms) => [ms],
      ),
      timed,
    );
    const hostile = Object.defineProperty(Promise.resolve(2), 'constructor', {
      get() {
        throw new Error('getter');
      },
    });
    assert.equal(
      work.job.run(
        ['b'],
        () => hostile,
        (ms) => [ms],
      ),
      hostile,
    );
    await turn();
    assert.deepEqual(names(), ['job__start', 'job__start']);
  });

  it('may be frozen, with all that can be reached of it, and can be traced all the same', () => {
    const frozen = provider('frozen', { job: operation({ start: [string('what')] }), probe: [string('s')] });
    freezeAll(frozen);
    frozen.job.run(['a'], () => 1);
    frozen.probe.fire('b');
    recorder.stop();
    assert.ok(!frozen.job.enabled && !frozen.probe.enabled);
    recorder = record();
    frozen.job.run(['c'], () => 1);
    frozen.probe.fire('d');
    assert.deepEqual(
      recorder.fired.map(({ probe, values }) => [probe, values.what ?? values.s]),
      [
        ['job__start', 'c'],
        ['job__done', undefined],
        ['probe', 'd'],
      ],
    );
    frozen.unload();
    assert.ok(!frozen.job.enabled && !frozen.probe.enabled);
  });

  it('runs its work, untraced, through a Proxy', () => {
    const job = new Proxy(work.job, {});
    assert.equal(
      job.run(
        ['a'],
        () => 3,
        (size) => [size],
      ),
      3,
    );
    job.runCallback(
      ['a'],
      (callback) => callback(null),
      () => {},
    );
    assert.deepEqual(names(), []);
  });

  it('leaves a callback that is none as it is', () => {
    work.bare.runCallback([], (callback) => assert.equal(callback, undefined), undefined as never);
  });

  it('passes everything through while nobody traces', async () => {
    recorder.stop();
    const promise = Promise.resolve(1);
    assert.equal(work.job.enabled, false);
    assert.equal(
      work.job.run(['a'], () => promise),
      promise,
    );
    const callback = () => {};
    work.job.runCallback(['a'], (passed) => assert.equal(passed, callback), callback);
  });
});

/**
 * Freezes an object and everything that its properties lead to, as programs do with what they
 * export.
 */
function freezeAll(value: unknown): void {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const key of Reflect.ownKeys(value)) freezeAll(Object.getOwnPropertyDescriptor(value, key)!.value);
}
